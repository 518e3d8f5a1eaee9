//! What a run knows of the atomics of a workspace, for people who want to read it: the inventory, the map of pairs, the
//! layout of types, the difference to another revision. Plain text and JSON; nothing here judges anything.

pub mod diff;
pub mod inventory;
pub mod layout;
pub mod pairs;
pub mod survey;

/// Rows of cells as aligned lines, each after some blanks.
fn columns(rows: &[Vec<String>], indent: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| rows.iter().filter_map(|r| r.get(n)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = " ".repeat(indent);
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        line.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// A view as JSON.
pub fn json(view: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(view).expect("plain data is JSON") + "\n"
}
