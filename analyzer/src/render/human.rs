//! Findings with the source they stand in. The only module that names codespan.

use std::io;
use std::ops::Range;

use anstyle::{AnsiColor, Effects};
use codespan_reporting::diagnostic::{Diagnostic as Shown, Label as Mark, LabelStyle, Severity as Grade};
use codespan_reporting::files::{Error, Files};
use codespan_reporting::term::{Chars, Config, WriteStyle, emit_to_write_style};

use super::{Style, locus, range, table, wrap};
use crate::finding::{Applicability, Fix, Label};
use crate::report::{Diagnostic, Severity};
use crate::source::LineIndex;
use crate::source::{FileId, Sources};

/// A longer line is generated code: shown in full it would hide what is said about it.
const LONGEST_LINE: usize = 1000;

/// One finding, with an empty line behind it.
pub fn diagnostic(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let shown = Shown {
        severity: match diagnostic.severity {
            Severity::Error => Grade::Error,
            Severity::Warning => Grade::Warning,
        },
        code: diagnostic.code(),
        message: headline(diagnostic, style),
        labels: labels(diagnostic, sources),
        notes: notes(diagnostic, sources, style),
    };
    let text = match has_long_line(diagnostic, sources) {
        true => None,
        false => emit(&shown, sources, style),
    };
    text.unwrap_or_else(|| without_source(&shown, &locus(sources, diagnostic.primary.site)))
}

/// The message, broken so that it fits behind its level and lint.
fn headline(diagnostic: &Diagnostic, style: Style) -> String {
    let Some(width) = style.width else { return diagnostic.message.clone() };
    let code = diagnostic.code().map_or_else(String::new, |c| format!("[{c}]"));
    let before = format!("{}{code}: ", diagnostic.severity.name());
    const INDENT: &str = "    ";
    let whole = wrap::text(&format!("{before}{}", diagnostic.message), width.max(NARROWEST) - INDENT.len());
    let whole = whole.join(&format!("\n{INDENT}"));
    whole.strip_prefix(&before).or(whole.strip_prefix(before.trim_end())).unwrap_or(&diagnostic.message).to_owned()
}

/// A mistake in a file that is not part of the analysed source: configuration, a manifest.
pub fn snippet(file: &str, text: &str, span: Range<usize>, message: &str, help: Option<&str>, style: Style) -> String {
    let span = range(
        text,
        crate::finding::Site { file: FileId(0), span: crate::ir::Span::new(span.start as u32, span.end as u32) },
    );
    let shown = Shown::error()
        .with_message(message)
        .with_label(Mark::primary((), span.clone()))
        .with_notes(help.map(|h| format!("help: {h}")).into_iter().collect());
    let lines = LineIndex::new(text);
    let at = lines.line_col(text, span.start as u32);
    let document = Document { name: file, text, lines };
    emit(&shown, &document, style)
        .unwrap_or_else(|| without_source(&shown, &format!("{file}:{}:{}", at.line, at.column)))
}

/// How the message of a run that could not be made starts.
pub fn error_word(style: Style) -> String {
    match style.color {
        true => {
            let red = anstyle::Style::new().fg_color(Some(AnsiColor::BrightRed.into())).bold();
            format!("{red}error{red:#}")
        }
        false => "error".to_owned(),
    }
}

fn labels(diagnostic: &Diagnostic, sources: &Sources) -> Vec<Mark<FileId>> {
    let mark = |label: &Label, style| {
        let file = label.site.file;
        Mark::new(style, file, range(&sources.file(file).text, label.site)).with_message(&label.text)
    };
    let secondary = diagnostic.secondary.iter().map(|l| mark(l, LabelStyle::Secondary));
    [mark(&diagnostic.primary, LabelStyle::Primary)].into_iter().chain(secondary).collect()
}

/// Notes, the schedule, the remedy, what can be fixed how, where to read more.
fn notes(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> Vec<String> {
    let width = style.width.map(|w| w.saturating_sub(margin(diagnostic, sources)).max(NARROWEST));
    let mut notes = diagnostic.notes.clone();
    notes.extend(diagnostic.help.as_ref().map(|h| format!("help: {h}")));
    notes.extend(diagnostic.fixes.iter().find_map(offer));
    let is_hidden = diagnostic.interleaving.is_some() && diagnostic.shown_interleaving().is_none();
    let how = if is_hidden { "; `--explain-findings` shows the schedule that goes wrong" } else { "" };
    notes.extend(diagnostic.lint.map(|l| format!("more: cargo atomic-lint explain {}{how}", l.name)));
    if let Some(width) = width {
        notes.iter_mut().for_each(|note| *note = wrapped(note, width));
    }
    if let Some(interleaving) = diagnostic.shown_interleaving() {
        let home = diagnostic.primary.site.file;
        notes.insert(diagnostic.notes.len(), table::table(interleaving, home, sources, width));
    }
    notes
}

/// A note, or the sentence that a drawing starts with.
fn wrapped(note: &str, width: usize) -> String {
    match note.split_once('\n') {
        Some((title, drawing)) if title.ends_with(':') => {
            format!("{}\n{drawing}", wrap::text(title, width).join("\n"))
        }
        _ => wrap::text(note, width).join("\n"),
    }
}

/// What can be had without writing it.
fn offer(fix: &Fix) -> Option<String> {
    let command = match fix.applicability {
        Applicability::MachineApplicable => "cargo atomic-lint fix",
        Applicability::MaybeIncorrect => "cargo atomic-lint fix --unsafe-fixes",
        Applicability::HasPlaceholders => return None,
    };
    Some(format!("fix: {} (`{command}`)", fix.title))
}

/// No terminal is taken to be narrower than this: words would stand alone.
const NARROWEST: usize = 40;

/// What stands in front of a note: the column of line numbers and ` = `.
fn margin(diagnostic: &Diagnostic, sources: &Sources) -> usize {
    let line = |label: &Label| {
        let file = sources.file(label.site.file);
        file.lines().line(range(&file.text, label.site).end as u32)
    };
    let labels = [&diagnostic.primary].into_iter().chain(&diagnostic.secondary);
    labels.map(line).max().unwrap_or(1).to_string().len() + 3
}

fn has_long_line(diagnostic: &Diagnostic, sources: &Sources) -> bool {
    let labels = [&diagnostic.primary].into_iter().chain(&diagnostic.secondary);
    labels.into_iter().any(|label| {
        let text = sources.file(label.site.file).text.as_bytes();
        let range = range(&sources.file(label.site.file).text, label.site);
        [range.start, range.end].into_iter().any(|at| {
            let before = text[..at].iter().rev().take(LONGEST_LINE + 1).take_while(|b| **b != b'\n').count();
            let after = text[at..].iter().take(LONGEST_LINE + 1).take_while(|b| **b != b'\n').count();
            before + after > LONGEST_LINE
        })
    })
}

fn without_source<F>(shown: &Shown<F>, locus: &str) -> String {
    let grade = match shown.severity {
        Grade::Warning => "warning",
        _ => "error",
    };
    let code = shown.code.as_ref().map(|c| format!("[{c}]")).unwrap_or_default();
    let mut out = format!("{grade}{code}: {}\n --> {locus}\n", shown.message);
    for note in &shown.notes {
        out += &format!("  = {}\n", note.replace('\n', "\n    "));
    }
    out + "\n"
}

/// `None` if the source cannot be shown.
fn emit<'f, F: Files<'f>>(shown: &Shown<F::FileId>, files: &'f F, style: Style) -> Option<String> {
    let chars = if style.unicode { Chars::box_drawing() } else { Chars::ascii() };
    let config = Config { chars, ..Config::default() };
    let mut painter = Painter { out: Vec::new(), color: style.color };
    emit_to_write_style(&mut painter, &config, files, shown).ok()?;
    let text = String::from_utf8(painter.out).ok()?;
    // Lines of an empty gutter end in a space, which no file under version control wants.
    Some(text.lines().map(|l| format!("{}\n", l.trim_end())).collect())
}

/// Writes escape sequences, or nothing, where codespan changes the style.
struct Painter {
    out: Vec<u8>,
    color: bool,
}

impl Painter {
    fn paint(&mut self, color: Option<AnsiColor>, bold: bool) -> io::Result<()> {
        if self.color {
            let effects = if bold { Effects::BOLD } else { Effects::new() };
            let style = anstyle::Style::new().fg_color(color.map(Into::into)).effects(effects);
            self.out.extend_from_slice(style.render().to_string().as_bytes());
        }
        Ok(())
    }

    fn grade(&mut self, grade: Grade) -> io::Result<()> {
        let color = match grade {
            Grade::Bug | Grade::Error => AnsiColor::BrightRed,
            // As of gcc and clang: yellow cannot be read on white, and the labels are in this colour too.
            Grade::Warning => AnsiColor::Magenta,
            Grade::Note => AnsiColor::BrightGreen,
            Grade::Help => AnsiColor::BrightCyan,
        };
        self.paint(Some(color), true)
    }
}

impl io::Write for Painter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteStyle for Painter {
    fn set_header(&mut self, grade: Grade) -> io::Result<()> {
        self.grade(grade)
    }

    fn set_header_message(&mut self) -> io::Result<()> {
        self.reset()?;
        self.paint(None, true)
    }

    fn set_line_number(&mut self) -> io::Result<()> {
        self.paint(Some(AnsiColor::BrightBlue), true)
    }

    fn set_note_bullet(&mut self) -> io::Result<()> {
        self.set_line_number()
    }

    fn set_source_border(&mut self) -> io::Result<()> {
        self.set_line_number()
    }

    fn set_label(&mut self, grade: Grade, style: LabelStyle) -> io::Result<()> {
        match style {
            LabelStyle::Primary => self.grade(grade),
            LabelStyle::Secondary => self.set_line_number(),
        }
    }

    fn reset(&mut self) -> io::Result<()> {
        if self.color {
            self.out.extend_from_slice(anstyle::Reset.render().to_string().as_bytes());
        }
        Ok(())
    }
}

impl<'a> Files<'a> for Sources {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(&self.file(id).shown)
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        Ok(&self.file(id).text)
    }

    fn line_index(&'a self, id: FileId, byte: usize) -> Result<usize, Error> {
        Ok(line_of(self.file(id).lines(), byte))
    }

    fn line_range(&'a self, id: FileId, line: usize) -> Result<Range<usize>, Error> {
        line_range(self.file(id).lines(), &self.file(id).text, line)
    }
}

/// A single text that is no file of the run.
struct Document<'d> {
    name: &'d str,
    text: &'d str,
    lines: LineIndex,
}

impl<'a> Files<'a> for Document<'_> {
    type FileId = ();
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, (): ()) -> Result<&'a str, Error> {
        Ok(self.name)
    }

    fn source(&'a self, (): ()) -> Result<&'a str, Error> {
        Ok(self.text)
    }

    fn line_index(&'a self, (): (), byte: usize) -> Result<usize, Error> {
        Ok(line_of(&self.lines, byte))
    }

    fn line_range(&'a self, (): (), line: usize) -> Result<Range<usize>, Error> {
        line_range(&self.lines, self.text, line)
    }
}

/// From zero.
fn line_of(lines: &LineIndex, byte: usize) -> usize {
    lines.line(byte as u32) as usize - 1
}

fn line_range(lines: &LineIndex, text: &str, line: usize) -> Result<Range<usize>, Error> {
    let count = lines.line_count() as usize;
    if line >= count {
        return Err(Error::LineTooLarge { given: line, max: count - 1 });
    }
    let end = if line + 1 < count { lines.line_start(line as u32 + 2) as usize } else { text.len() };
    Ok(lines.line_start(line as u32 + 1) as usize..end)
}
