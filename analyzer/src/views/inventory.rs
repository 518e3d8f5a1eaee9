//! `inventory`: every location with its role and who does what to it.

use super::columns;
use super::survey::{Access, Survey};

pub fn text(survey: &Survey) -> String {
    let mut out = String::new();
    let mut krate = "";
    for location in &survey.locations {
        if location.krate != krate {
            krate = &location.krate;
            out += &format!("crate {krate}\n\n");
        }
        let ty = if location.ty.is_empty() { String::new() } else { format!(": {}", location.ty) };
        out += &format!("{}{ty}\n", location.name);
        if !location.declared.is_empty() {
            out += &format!("  declared at {}\n", location.declared);
        }
        out += &format!("  role {}: {}\n", location.role.is, location.role.why);
        let rows: Vec<Vec<String>> = location.accesses.iter().map(row).collect();
        out += &columns(&rows, 2);
        out.push('\n');
    }
    let n = survey.locations.len();
    let operations: usize = survey.locations.iter().map(|l| l.accesses.len()).sum();
    out += &format!("{n} locations, {operations} operations; {} operations on unknown locations\n", survey.unresolved);
    out
}

fn row(access: &Access) -> Vec<String> {
    let verb = match (access.reads, access.writes) {
        (true, true) => "updates",
        (_, true) => "writes",
        _ => "reads",
    };
    vec![
        verb.to_owned(),
        access.function.clone(),
        access.operation.clone(),
        access.orderings(),
        access.place.clone(),
        access.context.join(", "),
    ]
}
