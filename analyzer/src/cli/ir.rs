//! `ir`: what the analyzer keeps of one file, for those who work on it.

use std::io::Write;

use super::args::Ir;
use super::{Failure, Status, Surroundings};
use crate::driver::on_deep_stack;
use crate::ir::text;
use crate::lower::lower;
use crate::source;

pub(super) fn run(args: &Ir, around: &Surroundings, out: &mut dyn Write) -> Result<Status, Failure> {
    let path = around.current_dir.as_ref().map_or(args.file.clone(), |dir| dir.join(&args.file));
    let file = source::read(&path).map_err(Failure::Message)?;
    let print = || lower(&file.text, true).map(|lowered| text::print(&lowered));
    let printed = on_deep_stack(print)?.map_err(|error| {
        let at = file.line_col(error.span().start);
        Failure::Message(format!("{}:{}:{}: {error}", file.shown, at.line, at.column))
    })?;
    writeln!(out, "{printed}")?;
    Ok(Status::Clean)
}
