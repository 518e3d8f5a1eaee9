//! The ways in which the tool is called, brought into one form.

use std::ffi::OsString;

use clap::Command;

/// Takes away the `atomic-lint` that cargo puts first, and moves flags that stand before a command behind it: the
/// flags of `check` are understood without the word, so clap alone would read `-W perf list` as flags of another command.
pub(super) fn normalise(args: Vec<OsString>, cli: &Command) -> Vec<OsString> {
    let mut args = args.into_iter();
    let mut out: Vec<OsString> = args.next().into_iter().collect();
    let mut rest: Vec<OsString> = args.collect();
    if rest.first().is_some_and(|a| a == "atomic-lint") {
        rest.remove(0);
    }
    if let Some(at) = command(&rest, cli) {
        let word = rest.remove(at);
        out.push(word);
    }
    out.extend(rest);
    out
}

/// Where the name of a command stands.
fn command(args: &[OsString], cli: &Command) -> Option<usize> {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let arg = arg.to_str()?;
        if let Some(long) = arg.strip_prefix("--") {
            if long.is_empty() {
                return None;
            }
            at += usize::from(takes_next_long(long, cli));
        } else if let Some(shorts) = arg.strip_prefix('-').filter(|s| !s.is_empty()) {
            at += usize::from(takes_next_short(shorts, cli));
        } else {
            return cli.find_subcommand(arg).map(|_| at);
        }
        at += 1;
    }
    None
}

fn takes_next_long(long: &str, cli: &Command) -> bool {
    let named = |a: &&clap::Arg| {
        a.get_long() == Some(long) || a.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
    };
    !long.contains('=') && cli.get_arguments().find(named).is_some_and(takes_value)
}

/// A cluster of short flags takes the next word if its last one wants a value and none before it does.
fn takes_next_short(shorts: &str, cli: &Command) -> bool {
    for (at, c) in shorts.char_indices() {
        if cli.get_arguments().find(|a| a.get_short() == Some(c)).is_some_and(takes_value) {
            return at + c.len_utf8() == shorts.len();
        }
    }
    false
}

fn takes_value(arg: &clap::Arg) -> bool {
    arg.get_action().takes_values()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::args::Cli;
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let mut cli = Cli::command();
        cli.build();
        let args = line.split(' ').map(OsString::from).collect();
        let words: Vec<String> = normalise(args, &cli).into_iter().map(|a| a.into_string().unwrap()).collect();
        assert_eq!(words.join(" "), expected, "{line}");
    }

    #[test]
    fn all_ways_of_calling() {
        check("x", "x");
        check("x atomic-lint", "x");
        check("x atomic-lint -p a", "x -p a");
        check("x -p atomic-lint", "x -p atomic-lint");
        check("x atomic-lint --help", "x --help");
        check("x atomic-lint explain atomic-lint", "x explain atomic-lint");
    }

    #[test]
    fn flags_before_a_command_belong_to_it() {
        check("x -q check -p a", "x check -q -p a");
        check("x -p check", "x -p check");
        check("x -p a -qWperf list", "x list -p a -qWperf");
        check("x -qW perf list", "x list -qW perf");
        check("x --package=a list", "x list --package=a");
        check("x --package list", "x --package list");
        check("x --all list", "x list --all");
        check("x -- list", "x -- list");
        check("x - list", "x - list");
    }
}
