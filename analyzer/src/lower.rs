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
pub fn lower(text: &str) -> Result<ir::File, ParseError> {
    let tokens: Result<proc_macro2::TokenStream, _> = text.parse();
    let result = tokens.map(|_| ir::File::default()).map_err(|error: proc_macro2::LexError| {
        let range = error.span().byte_range();
        let span = Span::new(range.start as u32, range.end as u32);
        ParseError::Syntax { span, message: "unbalanced delimiter or malformed token".to_owned() }
    });
    proc_macro2::extra::invalidate_current_thread_spans();
    result
}
