"""Two recordings compared, by what is the same in both: identities of locks, functions of stacks."""
