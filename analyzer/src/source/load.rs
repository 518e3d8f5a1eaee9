//! Reads all files of a plan, wave by wave, and links them into module trees.
//!
//! A wave is located and read in parallel; then its files are numbered and its modules linked in the order in which they
//! were asked for, which gives the requests of the next wave. So the result does not depend on the thread count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::modules::{Candidate, Decl, Directory, IncludeArgument, PathAttr, What, scan};
use super::read::{self, Failure, Identity, Located};
use super::{
    Condition, CrateSources, FileId, Link, ModuleFile, ModuleIdx, ModuleKind, Problem, ProblemKind, Severity,
    SourceFile, Sources,
};
use crate::finding::Site;
use crate::ir::Span;
use crate::workspace::Plan;

/// Limits that no source written by people reaches.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files with more bytes are refused.
    pub max_bytes: u64,
    /// Module files of one target; more are not followed.
    pub max_modules: usize,
    /// Files that are taken to hold other text than they do on disk, by the path they are opened by.
    pub unsaved: Unsaved,
}

/// Texts that stand for what is on disk: a fix that is not written yet, a buffer of an editor.
pub type Unsaved = BTreeMap<PathBuf, String>;

impl Default for Options {
    fn default() -> Self {
        Options { max_bytes: 32 << 20, max_modules: 50_000, unsaved: Unsaved::new() }
    }
}

/// Reads every file that the targets of the plan reach. The crates come in the plan's order, one for each.
pub fn load(plan: &Plan, options: &Options) -> (Sources, Vec<CrateSources>, Vec<Problem>) {
    let mut loader = Loader::new(plan, options);
    let mut wave = loader.roots();
    while !wave.is_empty() {
        wave = loader.wave(wave);
    }
    (loader.sources, loader.crates, loader.problems)
}

/// A file somebody asks for.
#[derive(Clone)]
struct Request {
    krate: usize,
    parent: Option<ModuleIdx>,
    kind: ModuleKind,
    /// The declaration in the parent's file: where its name starts, and all of it.
    declared: Option<(u32, Site)>,
    path: Vec<String>,
    candidates: Vec<Candidate>,
    /// Named by `#[path]` or `include!`.
    explicit: bool,
    predicate: Option<String>,
    condition: Condition,
    /// Another alternative may be meant: no word if this one is missing.
    optional: bool,
}

/// What one set of candidates came to.
struct Found {
    located: Located,
    /// The file and its declarations, unless an earlier wave read it.
    fresh: Option<(SourceFile, Vec<Decl>)>,
}

struct Loader<'a> {
    plan: &'a Plan,
    options: &'a Options,
    sources: Sources,
    crates: Vec<CrateSources>,
    problems: Vec<Problem>,
    ids: FxHashMap<Identity, FileId>,
    /// By [`FileId`].
    decls: Vec<Arc<[Decl]>>,
    /// By [`CrateSources::modules`]: where the children of a module are looked for.
    directories: Vec<Vec<Directory>>,
    instances: FxHashMap<Instance, ModuleIdx>,
    /// How many files each crate asked for.
    requested: Vec<usize>,
    said: FxHashSet<(ProblemKind, PathBuf, Option<Site>)>,
}

/// What makes a module that module: crate, parent, path, kind and file.
type Instance = (usize, Option<ModuleIdx>, Vec<String>, ModuleKind, FileId);

fn instance(request: &Request, file: FileId) -> Instance {
    (request.krate, request.parent, request.path.clone(), request.kind, file)
}

impl<'a> Loader<'a> {
    fn new(plan: &'a Plan, options: &'a Options) -> Self {
        let crates = (0..plan.crates.len()).map(|krate| CrateSources { krate, modules: Vec::new() }).collect();
        Loader {
            plan,
            options,
            sources: Sources::default(),
            crates,
            problems: Vec::new(),
            ids: FxHashMap::default(),
            decls: Vec::new(),
            directories: vec![Vec::new(); plan.crates.len()],
            instances: FxHashMap::default(),
            requested: vec![0; plan.crates.len()],
            said: FxHashSet::default(),
        }
    }

    fn roots(&self) -> Vec<Request> {
        let root = |(krate, target): (usize, &crate::workspace::Crate)| Request {
            krate,
            parent: None,
            kind: ModuleKind::Root,
            declared: None,
            path: Vec::new(),
            candidates: vec![Candidate { path: target.src_path.clone(), relative: None }],
            explicit: false,
            predicate: None,
            condition: Condition::Always,
            optional: false,
        };
        self.plan.crates.iter().enumerate().map(root).collect()
    }

    /// Reads the files of one wave; gives the requests of the next.
    fn wave(&mut self, requests: Vec<Request>) -> Vec<Request> {
        let mut numbers: FxHashMap<&[Candidate], usize> = FxHashMap::default();
        let mut distinct: Vec<&[Candidate]> = Vec::new();
        let places: Vec<usize> = requests
            .iter()
            .map(|request| {
                *numbers.entry(&request.candidates).or_insert_with(|| {
                    distinct.push(&request.candidates);
                    distinct.len() - 1
                })
            })
            .collect();
        let mut found: Vec<Result<Found, Failure>> = distinct.par_iter().map(|c| self.find(c)).collect();
        let mut next = Vec::new();
        for (request, place) in requests.iter().zip(places) {
            let result = match &mut found[place] {
                Ok(found) => self.number(found).map(|file| (file, found.located.clone())),
                Err(failure) => Err(failure.clone()),
            };
            match result {
                Ok((file, located)) => next.extend(self.link(request, file, &located)),
                Err(failure) => self.fail(request, &failure),
            }
        }
        next
    }

    /// Locates and, if it is new, reads and scans a file.
    fn find(&self, candidates: &[Candidate]) -> Result<Found, Failure> {
        let located = read::locate(candidates)?;
        if self.ids.contains_key(&located.identity) {
            return Ok(Found { located, fresh: None });
        }
        let text = match self.options.unsaved.get(&located.path) {
            Some(text) => text.clone(),
            None => read::text(&located, self.options.max_bytes)?,
        };
        let file = SourceFile::new(located.path.clone(), self.shown(&located.path), text);
        let decls = scan(&file.text);
        Ok(Found { located, fresh: Some((file, decls)) })
    }

    fn number(&mut self, found: &mut Found) -> Result<FileId, Failure> {
        if let Some(&id) = self.ids.get(&found.located.identity) {
            return Ok(id);
        }
        let (file, decls) = found.fresh.take().ok_or(Failure::Missing)?;
        let id = self.sources.add(file);
        self.decls.push(decls.into());
        self.ids.insert(found.located.identity.clone(), id);
        Ok(id)
    }

    /// Adds the module of a request to its crate; gives the requests for its children.
    fn link(&mut self, request: &Request, file: FileId, located: &Located) -> Vec<Request> {
        if request.explicit {
            self.note_outside(request, &located.path);
        }
        if self.is_ancestor(request, file) {
            self.cyclic(request, file);
            return Vec::new();
        }
        if let Some(rival) = &located.rival {
            self.ambiguous(request, &located.path, rival);
        }
        if let Some(index) = self.same_module(request, file) {
            self.add_link(request, index);
            let module = &mut self.crates[request.krate].modules[index.0 as usize];
            module.condition = module.condition.min(request.condition);
            return Vec::new();
        }
        let krate = request.krate;
        let index = ModuleIdx(self.crates[krate].modules.len() as u32);
        self.crates[krate].modules.push(ModuleFile {
            file,
            kind: request.kind,
            path: request.path.clone(),
            parent: request.parent,
            declared_at: request.declared.map(|(_, site)| site),
            predicate: request.predicate.clone(),
            condition: request.condition,
            children: Vec::new(),
        });
        let relative = request.candidates[located.candidate].relative.clone();
        self.directories[krate].push(Directory::of(&located.path, relative));
        self.add_link(request, index);
        self.instances.insert(instance(request, file), index);
        self.children(krate, index)
    }

    /// A module declared twice, as in `cfg_a! { mod x; } cfg_not_a! { mod x; }`, is one module.
    fn same_module(&self, request: &Request, file: FileId) -> Option<ModuleIdx> {
        self.instances.get(&instance(request, file)).copied()
    }

    fn add_link(&mut self, request: &Request, module: ModuleIdx) {
        if let (Some(parent), Some((at, _))) = (request.parent, request.declared) {
            self.crates[request.krate].modules[parent.0 as usize].children.push(Link { at, module });
        }
    }

    /// The requests of a module's declarations.
    fn children(&mut self, krate: usize, index: ModuleIdx) -> Vec<Request> {
        let file = self.crates[krate].module(index).file;
        let decls = Arc::clone(&self.decls[file.0 as usize]);
        let mut requests = Vec::new();
        for decl in &*decls {
            if self.requested[krate] >= self.options.max_modules {
                self.too_many(krate, file, decl);
                break;
            }
            let more = self.requests(krate, index, file, decl);
            self.requested[krate] += more.len();
            requests.extend(more);
        }
        requests
    }

    fn requests(&mut self, krate: usize, parent: ModuleIdx, file: FileId, decl: &Decl) -> Vec<Request> {
        let module = self.crates[krate].module(parent);
        let mut path = module.path.clone();
        path.extend(decl.inline.iter().map(|inline| inline.name.clone()));
        let template = Request {
            krate,
            parent: Some(parent),
            kind: ModuleKind::Mod,
            declared: Some((decl.at, Site { file, span: decl.span })),
            path,
            candidates: Vec::new(),
            explicit: true,
            predicate: None,
            condition: decl.condition.max(module.condition),
            optional: false,
        };
        match &decl.what {
            What::Mod { .. } => self.module_requests(template, decl),
            What::Include { argument, items } => self.include_request(template, argument, *items).into_iter().collect(),
        }
    }

    /// One request for each `#[path]`, and one for the default place where that can be meant.
    fn module_requests(&mut self, mut template: Request, decl: &Decl) -> Vec<Request> {
        let What::Mod { name, paths } = &decl.what else { return Vec::new() };
        let parent = template.parent.map_or(0, |parent| parent.0 as usize);
        let directory = self.directories[template.krate][parent].clone();
        template.path.push(name.clone());
        template.optional = decl.in_definition;
        let mut requests = self.alternatives(&template, decl, name, paths, &directory);
        // Most macros that declare modules are called in the root.
        if decl.in_definition && parent != 0 {
            let mut path: Vec<String> = decl.inline.iter().map(|inline| inline.name.clone()).collect();
            path.push(name.clone());
            let root = self.directories[template.krate][0].clone();
            let template = Request { path, parent: Some(ModuleIdx(0)), declared: None, ..template };
            requests.extend(self.alternatives(&template, decl, name, paths, &root));
        }
        requests
    }

    fn alternatives(
        &mut self,
        template: &Request,
        decl: &Decl,
        name: &str,
        paths: &[PathAttr],
        directory: &Directory,
    ) -> Vec<Request> {
        let mut requests = Vec::with_capacity(paths.len() + 1);
        for attr in paths {
            let candidate = directory.at_path(&attr.value, &decl.inline);
            if self.may_read(template, &candidate.path) {
                let candidates = vec![candidate];
                requests.push(Request { candidates, predicate: attr.predicate.clone(), ..template.clone() });
            }
        }
        if paths.iter().all(|attr| attr.predicate.is_some()) {
            let candidates = directory.candidates(name, &decl.inline);
            let optional = template.optional || !paths.is_empty();
            requests.push(Request { candidates, explicit: false, optional, ..template.clone() });
        }
        requests
    }

    fn include_request(&mut self, mut request: Request, argument: &IncludeArgument, items: bool) -> Option<Request> {
        request.kind = if items { ModuleKind::IncludedItems } else { ModuleKind::IncludedCode };
        let parent = request.parent.map_or(0, |parent| parent.0 as usize);
        let path = match argument {
            IncludeArgument::Relative(path) => self.directories[request.krate][parent].path.join(path),
            IncludeArgument::InPackage(path) => self.package_root(request.krate).join(path.trim_start_matches('/')),
            IncludeArgument::Generated => {
                self.skip_include(&request, "includes a file that a build script writes");
                return None;
            }
            IncludeArgument::Unknown => {
                self.skip_include(&request, "includes a file whose name is computed");
                return None;
            }
        };
        if path.extension().is_none_or(|ext| ext != "rs") {
            self.skip_include(&request, "includes a file that does not end in `.rs`");
            return None;
        }
        request.candidates = vec![Candidate { path, relative: None }];
        Some(request)
    }

    fn package_root(&self, krate: usize) -> &Path {
        self.plan.crates[krate].manifest_path.parent().unwrap_or(&self.plan.root)
    }

    /// Relative to the workspace root, with `/`.
    fn shown(&self, path: &Path) -> String {
        let lexical = read::lexical(path);
        let shown = lexical.strip_prefix(&self.plan.root).unwrap_or(&lexical).to_string_lossy().into_owned();
        if std::path::MAIN_SEPARATOR == '/' { shown } else { shown.replace(std::path::MAIN_SEPARATOR, "/") }
    }

    /// Whether the file is already a module above the one that asks for it.
    fn is_ancestor(&self, request: &Request, file: FileId) -> bool {
        let modules = &self.crates[request.krate].modules;
        let above = |index: &ModuleIdx| modules[index.0 as usize].parent;
        std::iter::successors(request.parent, above).any(|index| modules[index.0 as usize].file == file)
    }
}

/// What is said of files that are not as they should be.
impl Loader<'_> {
    fn say(&mut self, kind: ProblemKind, severity: Severity, path: &Path, site: Option<Site>, words: (String, &str)) {
        if self.said.insert((kind, path.to_owned(), site)) {
            let (message, remedy) = (words.0, words.1.to_owned());
            self.problems.push(Problem { kind, severity, path: path.to_owned(), site, message, remedy });
        }
    }

    fn fail(&mut self, request: &Request, failure: &Failure) {
        if request.optional && *failure == Failure::Missing {
            return;
        }
        let first = request.candidates.first().map(|c| read::lexical(&c.path)).unwrap_or_default();
        let path = failure.path().map_or(first, Path::to_owned);
        let shown = self.shown(&path);
        let (kind, remedy) = match failure {
            Failure::Missing | Failure::Dangling(_) => (ProblemKind::MissingFile, self.remedy_for_missing(request)),
            Failure::NotAFile(..) => (ProblemKind::NotAFile, "put a source file there or take the declaration out"),
            Failure::TooLarge(..) => (ProblemKind::TooLarge, "split the file, or exclude its package"),
            Failure::NotUtf8(..) => (ProblemKind::NotUtf8, "save the file as UTF-8; rustc reads nothing else"),
            Failure::SymlinkLoop(_) => (ProblemKind::SymlinkLoop, "let the links end in a file"),
            Failure::Io(..) => (ProblemKind::Unreadable, "check the name and the permissions of the file"),
        };
        let meant = request.condition != Condition::Always && kind == ProblemKind::MissingFile;
        let severity = if meant { Severity::Note } else { Severity::Error };
        let message = match (failure, request.kind) {
            (Failure::Missing, ModuleKind::Mod) => self.missing_module(request, &shown),
            (Failure::Missing, ModuleKind::Root) => {
                format!("the root `{shown}` of target `{}` does not exist", self.plan.crates[request.krate].name)
            }
            _ => failure.message(&shown),
        };
        self.say(kind, severity, &path, request.declared.map(|d| d.1), (message, remedy));
    }

    fn missing_module(&self, request: &Request, shown: &str) -> String {
        let name = request.path.last().map_or("", String::as_str);
        match request.candidates.get(1) {
            Some(other) => {
                format!("no file for module `{name}`: neither `{shown}` nor `{}` exists", self.shown(&other.path))
            }
            None => format!("no file for module `{name}`: `{shown}` does not exist"),
        }
    }

    fn remedy_for_missing(&self, request: &Request) -> &'static str {
        match (request.kind, request.condition != Condition::Always) {
            (ModuleKind::Root, _) => "create the file or mend the target's `path` in Cargo.toml",
            (_, true) => "nothing to do if the configuration that needs the file is not built from these sources",
            (_, false) => "create the file or take the declaration out",
        }
    }

    fn skip_include(&mut self, request: &Request, why: &str) {
        let Some((_, site)) = request.declared else { return };
        let file = self.sources.file(site.file);
        let words = (format!("`{}` {why}", file.shown), "its code is not analysed");
        let path = file.path.clone();
        self.say(ProblemKind::SkippedInclude, Severity::Note, &path, Some(site), words);
    }

    /// Whether a file named by `#[path]` may be read: outside of workspace and package it must at least be Rust source.
    fn may_read(&mut self, request: &Request, path: &Path) -> bool {
        let is_source = path.extension().is_some_and(|ext| ext == "rs");
        if is_source || self.is_inside(request, path) {
            return true;
        }
        let message = format!("`{}` is outside of the workspace and does not end in `.rs`", self.shown(path));
        let remedy = "name a source file inside of the package; this one was not read";
        self.say(ProblemKind::OutsideTree, Severity::Error, path, request.declared.map(|d| d.1), (message, remedy));
        false
    }

    fn note_outside(&mut self, request: &Request, path: &Path) {
        if self.is_inside(request, path) {
            return;
        }
        let message = format!("`{}` is outside of the workspace and of its package", self.shown(path));
        let remedy = "move it into the package: it is analysed here, but a published package would lack it";
        self.say(ProblemKind::OutsideTree, Severity::Warning, path, request.declared.map(|d| d.1), (message, remedy));
    }

    fn is_inside(&self, request: &Request, path: &Path) -> bool {
        let lexical = read::lexical(path);
        lexical.starts_with(&self.plan.root) || lexical.starts_with(self.package_root(request.krate))
    }

    fn cyclic(&mut self, request: &Request, file: FileId) {
        let modules = &self.crates[request.krate].modules;
        let above = |index: &ModuleIdx| modules[index.0 as usize].parent;
        let mut chain = vec![file];
        for index in std::iter::successors(request.parent, above) {
            chain.push(modules[index.0 as usize].file);
            if chain.last() == Some(&file) {
                break;
            }
        }
        let names: Vec<_> = chain.iter().rev().map(|&id| format!("`{}`", self.sources.file(id).shown)).collect();
        let message = format!("a module file contains itself: {}", names.join(" → "));
        let path = self.sources.file(file).path.clone();
        let remedy = "take one of the declarations out";
        let site = request.declared.map(|d| d.1);
        self.say(ProblemKind::CyclicModule, Severity::Error, &path, site, (message, remedy));
    }

    fn ambiguous(&mut self, request: &Request, path: &Path, rival: &Path) {
        let message = format!(
            "module `{}` has two files: `{}` is read, `{}` is not",
            request.path.last().map_or("", String::as_str),
            self.shown(path),
            self.shown(rival)
        );
        let severity = if request.condition != Condition::Always { Severity::Note } else { Severity::Error };
        let site = request.declared.map(|d| d.1);
        self.say(ProblemKind::AmbiguousFile, severity, path, site, (message, "delete or rename one of them"));
    }

    fn too_many(&mut self, krate: usize, file: FileId, decl: &Decl) {
        let message = format!(
            "target `{}` has more than {} module files",
            self.plan.crates[krate].name, self.options.max_modules
        );
        let path = self.plan.crates[krate].src_path.clone();
        let site = Site { file, span: Span::new(decl.at, decl.span.end) };
        // Once for a target, wherever it was noticed.
        if !self.said.insert((ProblemKind::TooManyModules, path.clone(), None)) {
            return;
        }
        let remedy = "check for a file that declares itself over and over through `#[path]`";
        self.say(ProblemKind::TooManyModules, Severity::Error, &path, Some(site), (message, remedy));
    }
}
