"""The command line, one file a subcommand: `add_arguments(parser)` declares its options, `run(args)` does it."""
