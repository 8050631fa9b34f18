"""Where the commands begin: they start only where no foreign package hides one of ours."""
