"""Views to intents: the strategy protocol, features, registry and the catalogue."""
