"""What a futex word belongs to: the kind of a lock and its base address."""
