"""The pthread_mutex_lock probe: where it sits, what it may cost, what a sample of it says. No I/O on BPF."""
