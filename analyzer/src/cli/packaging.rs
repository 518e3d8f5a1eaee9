//! `completions` and `man`: what packagers install beside the program.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;

use super::args::{Cli, Completions, Man};
use super::output::write_file;
use super::{Failure, Surroundings};

const PROGRAM: &str = "cargo-atomic-lint";

pub(super) fn completions(args: &Completions, out: &mut dyn Write) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    out.write_all(&script)?;
    Ok(())
}

pub(super) fn man(args: &Man, around: &Surroundings, out: &mut dyn Write) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = &args.out else {
        return Ok(clap_mangen::Man::new(command).render(out)?);
    };
    let dir = around.current_dir.as_deref().unwrap_or(Path::new("")).join(dir);
    let visible = command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help");
    let pages = [(PROGRAM.to_owned(), command.clone())].into_iter();
    for (name, command) in pages.chain(visible.map(|c| (format!("{PROGRAM}-{}", c.get_name()), c.clone()))) {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).title(name.clone()).render(&mut page)?;
        write_file(&dir.join(format!("{name}.1")), &page)?;
    }
    Ok(())
}
