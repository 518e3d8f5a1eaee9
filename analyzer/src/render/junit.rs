//! JUnit's XML: a suite per package, a case per finding. What fails the run is a failure; a warning is a case that
//! passes and has something to say, so that red and green agree with the exit status.

use super::record::{Grade, Record, Records};

pub fn render(records: &Records) -> String {
    let mut packages: Vec<&str> = records.findings.iter().map(package).collect();
    packages.sort_unstable();
    packages.dedup();
    let failures = records.count(Grade::Error);
    let tests = records.findings.len().max(1);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out += &format!("<testsuites name=\"atomic-lint\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n");
    for name in &packages {
        let findings: Vec<&Record> = records.findings.iter().filter(|f| package(f) == *name).collect();
        suite(name, &findings, records, &mut out);
    }
    // Readers take a report without any case for a run that did not happen.
    if packages.is_empty() {
        out += "  <testsuite name=\"atomic-lint\" tests=\"1\" failures=\"0\" errors=\"0\">\n";
        out += "    <testcase name=\"no findings\" classname=\"atomic_lint\"/>\n  </testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn package(f: &Record) -> &str {
    f.package.as_deref().unwrap_or("workspace")
}

fn suite(name: &str, findings: &[&Record], records: &Records, out: &mut String) {
    let failures = findings.iter().filter(|f| f.severity == Grade::Error).count();
    let (name, tests) = (escaped(name), findings.len());
    *out += &format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n");
    findings.iter().for_each(|f| case(f, records, out));
    *out += "  </testsuite>\n";
}

fn case(f: &Record, records: &Records, out: &mut String) {
    let p = &f.primary;
    let class = f.code().unwrap_or_else(|| "atomic_lint".to_owned()).replace("::", ".");
    let name = escaped(&format!("{}:{}:{}", p.file, p.line_start, p.column_start));
    *out += &format!(
        "    <testcase name=\"{name}\" classname=\"{class}\" file=\"{}\" line=\"{}\">\n",
        escaped(&p.file),
        p.line_start
    );
    let (message, text) = (escaped(&f.message), escaped(&f.explanation(records)));
    *out += &match f.severity {
        Grade::Error => format!("      <failure message=\"{message}\" type=\"{class}\">{text}</failure>\n"),
        Grade::Warning => format!("      <system-out>{text}</system-out>\n"),
    };
    *out += "    </testcase>\n";
}

/// For attributes and text. Control characters have no form in XML at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' => out += "&#10;",
            '\t' => out += "&#9;",
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
