"""The tests. A package, because sippy installs a ``tests`` of its own that would be found first."""
