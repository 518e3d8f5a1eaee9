//! The schedule of threads behind a finding, as a table: numbered steps, a column per thread, the watched value.

use super::wrap;
use crate::finding::{Interleaving, Step};
use crate::source::{FileId, Sources};

/// The table's lines, joined; the first one is the head. Cells are broken where the table is wider than `width`. What
/// stands in another file than `home`, that of the finding, is named with its file.
///
/// ```text
///   thread A          thread B          hits
/// 1 load → 5                            5
/// 2                   load → 5          5
/// ```
pub fn table(interleaving: &Interleaving, home: FileId, sources: &Sources, width: Option<usize>) -> String {
    let Interleaving { threads, watched, steps } = interleaving;
    let mut rows = vec![head(threads, watched)];
    rows.extend(steps.iter().enumerate().map(|(n, step)| row(n + 1, step, threads.len(), home, sources)));
    let mut widths = widths(&rows);
    if let Some(width) = width {
        narrow(&mut widths, width);
    }
    let lines: Vec<String> = rows.iter().flat_map(|row| lines(row, &widths)).collect();
    lines.join("\n")
}

/// Rows of cells as lines of columns: numbers first, close to what they count.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let widths = widths(rows);
    rows.iter().map(|row| line(row, &widths)).collect::<Vec<_>>().join("\n")
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count()).max();
    (0..columns).map(|c| width(c).unwrap_or(0)).collect()
}

/// Takes from the widest columns until the table fits, or none can be broken any more.
fn narrow(widths: &mut [usize], width: usize) {
    const NARROWEST: usize = 10;
    let total = |widths: &[usize]| -> usize { widths.iter().sum::<usize>() + gaps(widths.len()) };
    while total(widths) > width {
        // The last of equals: what is far right is read last.
        let widest = widths.iter_mut().max();
        match widest {
            Some(w) if *w > NARROWEST => *w -= 1,
            _ => return,
        }
    }
}

/// The spaces between so many columns.
fn gaps(columns: usize) -> usize {
    (0..columns.saturating_sub(1)).map(gap).sum()
}

/// The spaces behind a column: the first one holds the numbers of the steps.
fn gap(column: usize) -> usize {
    if column == 0 { 1 } else { 4 }
}

/// The lines that one row takes.
fn lines(row: &[String], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| wrap::text(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |column: usize, n: usize| cells[column].get(n).cloned().unwrap_or_default();
    (0..height).map(|n| line(&(0..cells.len()).map(|c| cell(c, n)).collect::<Vec<_>>(), widths)).collect()
}

fn head(threads: &[String], watched: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    cells.extend(threads.iter().cloned());
    cells.push(watched.to_owned());
    cells
}

/// Number, one cell per thread, value, remark.
fn row(number: usize, step: &Step, threads: usize, home: FileId, sources: &Sources) -> Vec<String> {
    let mut cells = vec![String::new(); threads + 3];
    cells[0] = number.to_string();
    let action = step.site.map_or_else(
        || step.action.clone(),
        |site| {
            let file = sources.file(site.file);
            let line = file.lines().line(site.span.start);
            let place = if site.file == home { format!("line {line}") } else { format!("{}:{line}", file.shown) };
            format!("{} ({place})", step.action)
        },
    );
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
        line.push_str(cell);
        // A word that is longer than its column sticks out.
        line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count()) + gap(n)));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Interleaving {
        Interleaving::new(&["thread A", "thread B"], "head")
            .step(0, None, "loads the head of the list and looks inside", "n1")
            .step(1, None, "pops n1 and frees it", "n2")
            .ending("n1 is gone")
    }

    #[test]
    fn a_table_that_fits_is_one_line_a_step() {
        let sources = Sources::default();
        let wide = table(&schedule(), FileId(0), &sources, Some(100));
        assert_eq!(wide, table(&schedule(), FileId(0), &sources, None));
        assert_eq!(wide.lines().count(), 3);
    }

    #[test]
    fn a_table_that_does_not_fit_is_broken_in_its_widest_columns() {
        let narrow = table(&schedule(), FileId(0), &Sources::default(), Some(66));
        insta::assert_snapshot!(narrow, @r"
          thread A               thread B               head
        1 loads the head of                             n1
          the list and looks
          inside
        2                        pops n1 and frees      n2      n1 is gone
                                 it
        ");
        assert!(narrow.lines().all(|l| l.chars().count() <= 66), "{narrow}");
    }
}
