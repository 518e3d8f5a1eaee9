//! Attributes for `atomic-lint`.
