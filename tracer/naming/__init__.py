"""Names of locks: the object, variable, place or call site that a lock belongs to."""
