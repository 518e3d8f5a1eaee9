//! Source text to [`ir::File`](crate::ir::File): the only module that knows `syn`.
