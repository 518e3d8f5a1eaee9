//! `merge`: reports of parts of a workspace as one.

use std::io::Write;
use std::path::Path;

use super::args::{Format, Merge};
use super::output::{for_machines, write_file};
use super::{Failure, Status, Surroundings};
use crate::config;
use crate::render::jsonl;
use crate::render::record::Grade;

pub(super) fn run(args: &Merge, around: &Surroundings, out: &mut dyn Write) -> Result<Status, Failure> {
    let formats = [args.message_format].into_iter().chain(args.output.iter().map(|o| o.format));
    let needs_source = |f: &Format| matches!(f, Format::Human | Format::Json | Format::JsonDiagnosticRenderedAnsi);
    if formats.clone().any(|f| needs_source(&f)) {
        let message = "`human` and `json` need the source, which a report does not hold; merge to another format";
        return Err(Failure::message(message));
    }
    let dir = around.current_dir.as_deref().unwrap_or(Path::new(""));
    let (mut texts, mut ends) = (String::new(), Vec::new());
    for file in &args.files {
        let text = config::read(&dir.join(file)).map_err(|e| Failure::message(e.to_string()))?;
        let Some(text) = text else { return Err(Failure::message(format!("there is no file {}", file.display()))) };
        texts += &text;
        if !texts.ends_with('\n') {
            texts.push('\n');
        }
        ends.push((file, texts.lines().count()));
    }
    let records = jsonl::parse(&texts).map_err(|mistake| {
        let file = ends.iter().position(|(_, end)| mistake.line <= *end).unwrap_or(0);
        let before = file.checked_sub(1).map_or(0, |n| ends[n].1);
        Failure::message(format!("{}:{}: {}", ends[file].0.display(), mistake.line - before, mistake.message))
    })?;
    for to in &args.output {
        write_file(&dir.join(&to.file), for_machines(to.format, records.clone()).as_bytes())?;
    }
    let status = if records.count(Grade::Error) > 0 { Status::Found } else { Status::Clean };
    out.write_all(for_machines(args.message_format, records).as_bytes())?;
    Ok(status)
}
