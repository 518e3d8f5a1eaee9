//! What is true of the program.

/// Everything that lints may ask.
#[derive(Debug)]
pub struct Facts<'a> {
    pub sources: &'a crate::source::Sources,
}
