//! `ir`: what the analyzer keeps of one file, for those who work on it.

use std::io::Write;

use super::args::Ir;
use super::{Failure, Status, Surroundings};
use crate::driver::lower_one;
use crate::source;

pub(super) fn run(args: &Ir, around: &Surroundings, out: &mut dyn Write) -> Result<Status, Failure> {
    let path = around.current_dir.as_ref().map_or(args.file.clone(), |dir| dir.join(&args.file));
    let file = source::read(&path).map_err(Failure::Message)?;
    let lowered = lower_one(&file.text)?.map_err(|error| {
        let at = file.line_col(error.span().start);
        Failure::Message(format!("{}:{}:{}: {error}", file.shown, at.line, at.column))
    })?;
    out.write_all(print(&lowered).as_bytes())?;
    Ok(Status::Clean)
}

fn print(file: &crate::ir::File) -> String {
    format!("{file:#?}\n")
}
