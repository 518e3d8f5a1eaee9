//! The schedule of threads behind a finding, as a table: numbered steps, a column per thread, the watched value.

use crate::finding::{Interleaving, Step};
use crate::source::Sources;

/// The table's lines, joined; the first one is the head.
///
/// ```text
///   thread A          thread B          hits
/// 1 load → 5                            5
/// 2                   load → 5          5
/// ```
pub fn table(interleaving: &Interleaving, sources: &Sources) -> String {
    let Interleaving { threads, watched, steps } = interleaving;
    let mut rows = vec![head(threads, watched)];
    rows.extend(steps.iter().enumerate().map(|(n, step)| row(n + 1, step, threads.len(), sources)));
    aligned(&rows)
}

/// Rows of cells as lines of columns: numbers first, close to what they count.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
    let lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

fn head(threads: &[String], watched: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    cells.extend(threads.iter().cloned());
    cells.push(watched.to_owned());
    cells
}

/// Number, one cell per thread, value, remark.
fn row(number: usize, step: &Step, threads: usize, sources: &Sources) -> Vec<String> {
    let mut cells = vec![String::new(); threads + 3];
    cells[0] = number.to_string();
    let line = step.site.map(|site| sources.file(site.file).lines().line(site.span.start));
    let action = match line {
        Some(line) => format!("{} (line {line})", step.action),
        None => step.action.clone(),
    };
    if let Some(cell) = cells.get_mut(1 + step.thread.min(threads.saturating_sub(1))) {
        *cell = action;
    }
    cells[threads + 1] = step.value.clone();
    cells[threads + 2] = step.remark.clone();
    cells
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (n, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = match n {
            0 => 1,
            _ => 4,
        };
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + gap));
    }
    line.truncate(line.trim_end().len());
    line
}
