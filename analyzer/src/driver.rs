//! Runs the stages, from a plan to findings.
//!
//! Files are lowered and lints run in parallel, on threads whose stack is known to be deep enough for the parser. The
//! result depends on the plan and the files alone: everything is collected in a fixed order and sorted.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::coverage::{Coverage, Skip, Why};
use crate::facts::{Facts, LocId, access};
use crate::finding::{Finding, Label, Purpose, Site};
use crate::internal_error::{InternalError, attempt, culprit};
use crate::ir::{self, Span};
use crate::lint::{Cx, Lint, Options, Outlines};
use crate::lower::{self, ParseError};
use crate::report::{self, Diagnostic, PackageOf};
use crate::resolve::{BodyId, CrateInput, Program};
use crate::source::{self, CrateSources, FileId, ModuleKind, Problem, Severity, SourceFile, Sources, Unsaved};
use crate::suppress::ModuleLink;
use crate::workspace::{Plan, TargetKind};

/// What to do with a plan.
pub struct Request<'a> {
    /// Number of threads; as many as the machine has without.
    pub jobs: Option<usize>,
    /// Look at test code as at any other.
    pub tests: bool,
    pub lints: Vec<&'static Lint>,
    pub options: &'a Options,
    /// Texts to look at instead of those on disk.
    pub unsaved: Unsaved,
    /// Is told how far the run has come, from any thread.
    pub watch: Option<Watch<'a>>,
}

pub type Watch<'a> = &'a (dyn Fn(Stage) + Sync);

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A further file is parsed; so many are known to be needed.
    Parsing { of: usize },
    /// What is true of all of them is collected.
    Linking,
    /// A further lint is through.
    Checking { of: usize },
}

/// What came out.
#[derive(Debug)]
pub struct Analysis {
    pub sources: Sources,
    /// Sorted by place.
    pub findings: Vec<Finding>,
    /// What is wrong with the source itself.
    pub problems: Vec<Diagnostic>,
    pub coverage: Coverage,
    /// The files that were parsed and belong to a selected target.
    pub linted: Vec<FileId>,
    /// The `mod name;` declarations of the selected targets.
    pub modules: Vec<ModuleLink>,
    /// Items that are test code, unless that was asked for.
    pub tests: Vec<Site>,
    /// Per file: the selected target it belongs to, an index into [`Plan::crates`].
    pub owners: Vec<Option<usize>>,
    /// The lints whose findings may be missing, since they panicked.
    pub broken_lints: Vec<&'static Lint>,
    /// Something panicked; `problems` says what.
    pub is_broken: bool,
}

/// Knows the package of every file.
#[derive(Debug)]
pub struct Packages<'a> {
    pub plan: &'a Plan,
    pub owners: &'a [Option<usize>],
}

impl PackageOf for Packages<'_> {
    fn package_of(&self, file: FileId) -> Option<&str> {
        let owner = self.owners.get(file.0 as usize).copied().flatten()?;
        Some(&self.plan.crates[owner].package)
    }
}

/// Threads could not be started.
#[derive(Debug)]
pub struct NoThreads(rayon::ThreadPoolBuildError);

impl std::fmt::Display for NoThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot start threads: {}; try `--jobs 1`", self.0)
    }
}

impl std::error::Error for NoThreads {}

/// Lints what the plan selects.
pub fn analyze(plan: &Plan, request: &Request<'_>) -> Result<Analysis, NoThreads> {
    analyze_and(plan, request, |_| ()).map(|(analysis, ())| analysis)
}

/// What a run knows before it is over.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub facts: &'a Facts<'a>,
    pub owners: &'a [Option<usize>],
    /// The names of the crates, as the program numbers them.
    pub crates: &'a [String],
}

impl Known<'_> {
    /// Whether a file belongs to a selected target.
    pub fn is_selected(&self, file: FileId) -> bool {
        self.owners[file.0 as usize].is_some()
    }
}

/// Lints what the plan selects and has a look at the facts themselves.
pub fn analyze_and<T: Send + Default>(
    plan: &Plan,
    request: &Request<'_>,
    look: impl Fn(Known<'_>) -> T + Sync,
) -> Result<(Analysis, T), NoThreads> {
    let pool = rayon::ThreadPoolBuilder::new()
        .stack_size(lower::STACK)
        .num_threads(request.jobs.unwrap_or(0))
        .build()
        .map_err(NoThreads)?;
    Ok(pool.install(|| Run::new(plan, request).finish(&look)))
}

/// Lowers one text on a thread of the right stack size.
pub fn lower_one(text: &str) -> std::io::Result<Result<ir::File, ParseError>> {
    on_deep_stack(|| lower::lower(text, true))
}

/// Runs `f` on a thread with as much stack as the most deeply nested source needs.
pub fn on_deep_stack<T: Send>(f: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(lower::STACK).spawn_scoped(scope, f)?;
        thread.join().map_err(|_| std::io::Error::other("the parser has failed"))
    })
}

/// How many files are left out because of panics before a run gives up.
const MAX_BROKEN_FILES: usize = 8;

/// What one round over the files comes to.
enum Round<T> {
    /// Further files have to be parsed, and what looks like operations are calls.
    More {
        files: Vec<FileId>,
        calls: Vec<(FileId, ir::BodyIdx, ir::EventId)>,
    },
    Done(Box<Looked<T>>),
}

/// What the lints and facts of a run say.
#[derive(Default)]
struct Looked<T> {
    findings: Vec<Finding>,
    broken: Vec<InternalError<Place>>,
    coverage: Coverage,
    tests: Vec<Site>,
    /// What the caller has seen in the facts.
    seen: T,
}

/// A run half way through.
struct Run<'a> {
    plan: &'a Plan,
    request: &'a Request<'a>,
    sources: Sources,
    crates: Vec<CrateSources>,
    problems: Vec<Problem>,
    owners: Vec<Option<usize>>,
    /// Indexed by [`FileId`]; `None` for what was not parsed.
    files: Vec<Option<ir::File>>,
    errors: Vec<(FileId, ParseError)>,
    broken: Vec<InternalError<Place>>,
}

/// Where something panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Reading a file, or asking what is true of it.
    File(FileId),
    Lint(&'static str),
    /// No single file is to blame.
    Facts,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, request: &'a Request<'a>) -> Run<'a> {
        let options = source::Options { unsaved: request.unsaved.clone(), ..source::Options::default() };
        let (sources, crates, problems) = source::load(plan, &options);
        let owners = owners(plan, &crates, sources.files.len());
        let files = vec![None; sources.files.len()];
        Run { plan, request, sources, crates, problems, owners, files, errors: Vec::new(), broken: Vec::new() }
    }

    fn finish<T: Default>(mut self, look: &(impl Fn(Known<'_>) -> T + Sync)) -> (Analysis, T) {
        // Each round learns something that the next one builds on; so many links in a chain are not met.
        const ROUNDS: usize = 8;
        let mut wanted = self.relevant();
        let inputs = self.inputs();
        let names: Vec<String> = inputs.iter().map(|i| i.name.clone()).collect();
        let mut rounds = 0;
        let Looked { findings, broken, coverage, tests, seen } = loop {
            self.lower(std::mem::take(&mut wanted));
            rounds += 1;
            let round = attempt(Place::Facts, || {
                let program = Program::build(&self.files, inputs.clone());
                let (files, calls) = (self.wanted(&program), access::own_methods(&program));
                if !(files.is_empty() && calls.is_empty()) && rounds < ROUNDS {
                    return Round::More { files, calls };
                }
                self.tell(Stage::Linking);
                let facts = Facts::build(&program, &self.sources, self.request.tests);
                let tests = if self.request.tests { Vec::new() } else { tests(&program) };
                let seen = look(Known { facts: &facts, owners: &self.owners, crates: &names });
                let (findings, broken) = self.check_all(&facts);
                Round::Done(Box::new(Looked { findings, broken, coverage: self.coverage(&facts), tests, seen }))
            });
            match round {
                Ok(Round::More { files, calls }) => {
                    wanted = files;
                    for (file, body, event) in calls {
                        if let Some(file) = &mut self.files[file.0 as usize] {
                            file.bodies[body.0 as usize].make_call(event);
                        }
                    }
                }
                Ok(Round::Done(done)) => break *done,
                // Without the file that it is about, the rest can be looked at.
                Err(error) => match self.unreadable(&inputs) {
                    Some(file) if self.broken.len() < MAX_BROKEN_FILES => {
                        self.files[file.0 as usize] = None;
                        self.broken.push(InternalError { place: Place::File(file), ..error });
                    }
                    _ => {
                        self.broken.push(error);
                        break Looked::default();
                    }
                },
            }
        };
        self.broken.extend(broken);
        (self.into_analysis(findings, coverage, tests), seen)
    }

    /// The file about which no facts can be collected without a panic.
    fn unreadable(&self, inputs: &[CrateInput]) -> Option<FileId> {
        let lowered: Vec<FileId> =
            (0..self.files.len()).filter(|n| self.files[*n].is_some()).map(|n| FileId(n as u32)).collect();
        culprit(&lowered, |some| {
            let only = |n: usize| self.files[n].clone().filter(|_| some.contains(&FileId(n as u32)));
            let files: Vec<Option<ir::File>> = (0..self.files.len()).map(only).collect();
            let facts = || {
                let program = Program::build(&files, inputs.to_vec());
                self.wanted(&program);
                Facts::build(&program, &self.sources, self.request.tests);
            };
            attempt((), facts).is_err()
        })
    }

    /// The files that can matter by their words, and those that declare their modules: whether a module is public, or
    /// there for tests only, stands there.
    fn relevant(&self) -> Vec<FileId> {
        let matters = |m: &&source::ModuleFile| {
            self.sources.file(m.file).relevant && (self.request.tests || m.condition != source::Condition::InTests)
        };
        let mut wanted: Vec<FileId> = Vec::new();
        for krate in &self.crates {
            for module in krate.modules.iter().filter(matters) {
                wanted.push(module.file);
                let mut above = module.parent;
                while let Some(parent) = above.and_then(|p| krate.modules.get(p.0 as usize)) {
                    wanted.push(parent.file);
                    above = parent.parent;
                }
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// The files that name no atomic, so that they were not parsed, but that what stands around atomics leads to.
    fn wanted(&self, program: &Program<'_>) -> Vec<FileId> {
        // Linking has looked up every name; most of them don't matter.
        program.take_wanted();
        access::sound_out(program, self.request.tests);
        let failed = |id: &FileId| {
            self.errors.iter().any(|(e, _)| e == id) || self.broken.iter().any(|e| e.place == Place::File(*id))
        };
        let tried = |id: &FileId| self.files[id.0 as usize].is_some() || failed(id);
        program.take_wanted().into_iter().filter(|id| !tried(id)).collect()
    }

    fn tell(&self, stage: Stage) {
        if let Some(watch) = self.request.watch {
            watch(stage);
        }
    }

    /// Parses files, in parallel.
    fn lower(&mut self, files: Vec<FileId>) {
        let (sources, tests) = (&self.sources, self.request.tests);
        let lower = |&id: &FileId| {
            self.tell(Stage::Parsing { of: files.len() });
            (id, attempt(Place::File(id), || lower::lower(&sources.file(id).text, tests)))
        };
        let lowered: Vec<_> = files.par_iter().map(lower).collect();
        for (id, result) in lowered {
            match result {
                Ok(Ok(file)) => self.files[id.0 as usize] = Some(file),
                Ok(Err(error)) => self.errors.push((id, error)),
                Err(error) => self.broken.push(error),
            }
        }
    }

    /// Runs the lints, in parallel, and keeps what concerns the selected targets.
    fn check_all(&self, facts: &Facts<'_>) -> (Vec<Finding>, Vec<InternalError<Place>>) {
        let outlines = Outlines::new(&self.sources);
        let cx = Cx { facts, sources: &self.sources, options: self.request.options, outlines: &outlines };
        let check = |lint: &&'static Lint| {
            let found = attempt(Place::Lint(lint.name), || {
                let mut findings = Vec::new();
                (lint.check)(&cx, &mut findings);
                findings
            });
            self.tell(Stage::Checking { of: self.request.lints.len() });
            found
        };
        let results: Vec<_> = self.request.lints.par_iter().map(check).collect();
        let (mut findings, mut broken) = (Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok(found) => findings.extend(found.into_iter().filter(|f| self.is_ours(f.primary.site.file))),
                Err(error) => broken.push(error),
            }
        }
        findings.sort_by(|a, b| {
            (a.primary.site, a.lint.name, &a.message, &a.key).cmp(&(b.primary.site, b.lint.name, &b.message, &b.key))
        });
        say_purposes(&mut findings, facts);
        (findings, broken)
    }

    fn inputs(&self) -> Vec<CrateInput> {
        let input = |krate: &CrateSources| {
            let target = &self.plan.crates[krate.krate];
            let stands = |m: &&source::ModuleFile| m.kind != ModuleKind::IncludedCode;
            let no_std = |file: FileId| self.sources.file(file).text.contains("#![no_std]");
            CrateInput {
                name: target.name.clone(),
                files: krate.modules.iter().filter(stands).map(|m| (m.file, m.path.clone())).collect(),
                externs: target.externs.iter().filter_map(|(name, e)| Some((name.clone(), e.krate?))).collect(),
                is_test: matches!(target.kind, TargetKind::Test | TargetKind::Bench | TargetKind::Example),
                links_std: !krate.root().is_some_and(|root| no_std(root.file)),
                rust_minor: target.rust_minor,
            }
        };
        self.crates.iter().map(input).collect()
    }

    fn is_ours(&self, file: FileId) -> bool {
        self.owners[file.0 as usize].is_some()
    }

    fn coverage(&self, facts: &Facts<'_>) -> Coverage {
        let program = facts.program;
        let is_function = |id: &BodyId| {
            let body = program.body(*id);
            let is_test = program.def(body.owner).is_test;
            body.parent.is_none() && self.is_ours(body.file) && (self.request.tests || !is_test)
        };
        let ops: Vec<_> = facts.ops.iter().filter(|op| self.is_ours(program.body(op.body).file)).collect();
        let locations: FxHashSet<_> = ops.iter().filter_map(|op| op.location).collect();
        let left_out = self.plan.skipped.iter().map(|s| {
            format!("target `{}` of `{}` needs features that are off: {}", s.target, s.package, s.missing.join(", "))
        });
        Coverage {
            crates: self.plan.crates.iter().filter(|c| c.selected).count(),
            files: self.owners.iter().flatten().count(),
            files_parsed: self.files.iter().zip(&self.owners).filter(|(f, o)| f.is_some() && o.is_some()).count(),
            functions: program.body_ids().filter(is_function).count(),
            atomic_ops: ops.len(),
            resolved_ops: ops.iter().filter(|op| op.location.is_some()).count(),
            locations: locations.len(),
            skipped: self.skipped(facts),
            left_out: left_out.collect(),
        }
    }

    fn skipped(&self, facts: &Facts<'_>) -> Vec<Skip> {
        let mut skipped: Vec<Skip> = Vec::new();
        for (n, file) in self.files.iter().enumerate() {
            let pieces = file.iter().flat_map(|f| &f.skipped);
            let site = |span| Site { file: FileId(n as u32), span };
            skipped.extend(pieces.map(|s| Skip { site: site(s.span), why: Why::Code(s.why) }));
        }
        skipped.extend(self.errors.iter().map(|(file, e)| {
            let site = Site { file: *file, span: e.span() };
            Skip { site, why: Why::File }
        }));
        skipped.extend(self.broken.iter().filter_map(|e| match e.place {
            Place::File(file) => Some(Skip { site: Site { file, span: Span::new(0, 0) }, why: Why::File }),
            _ => None,
        }));
        let was_read = |p: &Problem| p.kind == source::ProblemKind::AmbiguousFile || p.severity == Severity::Warning;
        let unread = self.problems.iter().filter(|p| !was_read(p));
        skipped.extend(unread.filter_map(|p| Some(Skip { site: p.site?, why: Why::File })));
        let unresolved = facts.ops.iter().filter(|op| op.location.is_none());
        skipped.extend(unresolved.map(|op| Skip { site: facts.site(op.body, op.span), why: Why::Receiver }));
        skipped.retain(|s| self.is_ours(s.site.file));
        skipped.sort_by_key(|s| (s.why, s.site));
        skipped.dedup();
        skipped
    }

    fn into_analysis(mut self, findings: Vec<Finding>, coverage: Coverage, tests: Vec<Site>) -> Analysis {
        let mut problems = Vec::new();
        for (file, error) in std::mem::take(&mut self.errors) {
            if self.is_ours(file) {
                let label = Label { site: Site { file, span: error.span() }, text: String::new() };
                problems.push(Diagnostic::problem(format!("this file cannot be parsed: {error}"), label));
            }
        }
        for problem in std::mem::take(&mut self.problems) {
            problems.extend(self.problem(problem));
        }
        let broken = std::mem::take(&mut self.broken);
        let is_broken_lint = |l: &&&'static Lint| broken.iter().any(|e| e.place == Place::Lint(l.name));
        let broken_lints = self.request.lints.iter().filter(is_broken_lint).copied().collect();
        problems.extend(broken.iter().filter_map(|e| self.internal_error(e)));
        let is_linted = |n: &usize| self.files[*n].is_some() && self.is_ours(FileId(*n as u32));
        let linted = (0..self.files.len()).filter(is_linted).map(|n| FileId(n as u32)).collect();
        let modules = links(&self.crates);
        Analysis {
            findings,
            problems,
            coverage,
            linted,
            modules,
            tests,
            sources: self.sources,
            owners: self.owners,
            broken_lints,
            is_broken: !broken.is_empty(),
        }
    }

    /// A panic, at the file that it is about or at the manifest of the first selected target.
    fn internal_error(&mut self, error: &InternalError<Place>) -> Option<Diagnostic> {
        let (site, what) = match error.place {
            Place::File(file) => (Some(Site { file, span: Span::new(0, 0) }), "this file".to_owned()),
            Place::Lint(name) => (None, format!("the lint `{name}`")),
            Place::Facts => (None, "what is true of the program".to_owned()),
        };
        let site = match site {
            Some(site) => site,
            None => {
                let owner = self.plan.crates.iter().position(|c| c.selected)?;
                self.manifest(owner)
            }
        };
        let message = format!("internal error in {what}: {}", error.message);
        let mut diagnostic = Diagnostic::problem(message, Label { site, text: String::new() });
        diagnostic.help = Some(match error.place {
            Place::Facts => "nothing could be looked at; please report this".to_owned(),
            _ => "the rest was looked at as usual; please report this".to_owned(),
        });
        Some(diagnostic)
    }

    /// An error about a file, where it is declared or at the manifest of the target that wants it.
    fn problem(&mut self, problem: Problem) -> Option<Diagnostic> {
        if problem.severity == Severity::Note {
            return None;
        }
        let site = match problem.site {
            Some(site) => Some(site).filter(|s| self.is_ours(s.file))?,
            None => {
                let mut crates = self.plan.crates.iter();
                let owner = crates.position(|c| c.selected && c.src_path == problem.path)?;
                self.manifest(owner)
            }
        };
        let mut diagnostic = Diagnostic::problem(problem.message, Label { site, text: String::new() });
        if problem.severity == Severity::Warning {
            diagnostic.severity = report::Severity::Warning;
        }
        diagnostic.help = Some(problem.remedy);
        Some(diagnostic)
    }

    /// The head of a target's manifest, for what has no place in any source file.
    fn manifest(&mut self, owner: usize) -> Site {
        let path = &self.plan.crates[owner].manifest_path;
        let known = self.sources.files.iter().position(|f| f.path == *path);
        let file = match known {
            Some(n) => FileId(n as u32),
            None => {
                let read = source::read(path);
                let mut file = read.unwrap_or_else(|_| SourceFile::new(path.clone(), "", String::new()));
                file.shown = path.strip_prefix(&self.plan.root).unwrap_or(path).to_string_lossy().replace('\\', "/");
                self.owners.push(Some(owner));
                self.files.push(None);
                self.sources.add(file)
            }
        };
        let text = &self.sources.file(file).text;
        let start = text.find("[package]").unwrap_or(0);
        let length = text[start..].find(['\r', '\n']).unwrap_or(text.len() - start);
        Site { file, span: Span::new(start as u32, (start + length) as u32) }
    }
}

/// Says of each finding what the location that its key names is for.
fn say_purposes(findings: &mut [Finding], facts: &Facts<'_>) {
    let mut by_name: FxHashMap<&str, LocId> = FxHashMap::default();
    for (n, location) in facts.locations.iter().enumerate() {
        by_name.entry(&location.name).or_insert(LocId(n as u32));
    }
    for finding in findings {
        if let Some(location) = by_name.get(finding.key.location.as_str()) {
            let role = facts.role(*location);
            finding.purpose = Some(Purpose { is: role.kind.describe().to_owned(), why: role.why.clone() });
        }
        // A column that is headed `0` tells nobody that it is the field of a tuple struct.
        let watched = finding.interleaving.as_mut().map(|i| &mut i.watched);
        if let Some(number) = watched.filter(|w| w.chars().all(|c| c.is_ascii_digit())) {
            number.clone_from(&finding.key.location);
        }
    }
}

/// Per file, the first selected target that it belongs to.
fn owners(plan: &Plan, crates: &[CrateSources], files: usize) -> Vec<Option<usize>> {
    let mut owners = vec![None; files];
    for krate in crates.iter().filter(|c| plan.crates[c.krate].selected) {
        for module in &krate.modules {
            owners[module.file.0 as usize].get_or_insert(krate.krate);
        }
    }
    owners
}

fn links(crates: &[CrateSources]) -> Vec<ModuleLink> {
    let modules = crates.iter().flat_map(|c| &c.modules);
    let mut links: Vec<ModuleLink> =
        modules.filter_map(|m| Some(ModuleLink { declaration: m.declared_at?, file: m.file })).collect();
    // Several targets may share their files.
    links.sort_by_key(|l| (l.declaration, l.file));
    links.dedup();
    links
}

/// The outermost items that are test code.
fn tests(program: &Program<'_>) -> Vec<Site> {
    let mut sites: FxHashMap<FileId, Vec<Span>> = FxHashMap::default();
    for def in program.defs.iter().filter(|d| d.is_test) {
        let spans = sites.entry(def.file).or_default();
        if !spans.iter().any(|s| s.contains(def.item.span)) {
            spans.push(def.item.span);
        }
    }
    let mut sites: Vec<Site> =
        sites.into_iter().flat_map(|(file, spans)| spans.into_iter().map(move |span| Site { file, span })).collect();
    sites.sort_unstable();
    sites
}
