"""The only place that knows everything: settings, assembly, runner, commands, queries."""
