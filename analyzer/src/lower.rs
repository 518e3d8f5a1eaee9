//! Source text to [`ir::File`](crate::ir::File): the only module that knows `syn`.
use crate::ir::{self, Span};
pub const STACK: usize = 64 << 20;
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    Syntax { span: Span, message: String },
    TooDeep { span: Span },
}
impl ParseError {
    pub fn span(&self) -> Span {
        match self {
            ParseError::Syntax { span, .. } | ParseError::TooDeep { span } => *span,
        }
    }
}
impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParseError::Syntax { message, .. } => f.write_str(message),
            ParseError::TooDeep { .. } => f.write_str("nested too deep"),
        }
    }
}
pub fn lower(_text: &str) -> Result<ir::File, ParseError> {
    Ok(ir::File::default())
}
