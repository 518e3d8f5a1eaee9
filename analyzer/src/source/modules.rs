//! Which other files a source file names: `mod x;` and `include!("x.rs")`, found without a parser.
//!
//! A scan over tokens keeps the stack of open delimiters and the attributes that stand before a `mod`. It also looks
//! into macro arguments (`cfg_rt! { mod x; }`) and function bodies. The rules for directories are those of the
//! Reference, "Module source filenames" and "The path attribute". It deliberately evaluates no `cfg`: every
//! alternative is named, and what is conditional is marked so.

use std::path::{Path, PathBuf};

use memchr::memmem;

use super::Condition;
use super::scan::{Kind, Scanner, Token, is_ident, string_value};
use crate::ir::Span;

/// Beyond these no person wrote the file; what is deeper or further down is not followed.
const MAX_INLINE: usize = 128;
pub(super) const MAX_DECLS: usize = 50_000;

/// A place in a file that names another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decl {
    /// From `mod` to `;`, or from `include` to the closing parenthesis.
    pub(super) span: Span,
    /// Where the name starts; for an inclusion the word `include`.
    pub(super) at: u32,
    pub(super) what: What,
    /// The inline modules around it, outermost first.
    pub(super) inline: Vec<Inline>,
    /// When not `Always`, that its file is missing may be meant.
    pub(super) condition: Condition,
    /// It stands in the definition of a macro, so that its place is where the macro is called.
    pub(super) in_definition: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Mod {
        name: String,
        /// The values of `#[path]`; with none, or with conditional ones only, the default place counts too.
        paths: Vec<PathAttr>,
    },
    Include {
        argument: IncludeArgument,
        /// It stands where items stand.
        items: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathAttr {
    pub(super) value: String,
    /// The predicate of the `cfg_attr` it stands in, as written.
    pub(super) predicate: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum IncludeArgument {
    /// Relative to the including file.
    Relative(String),
    /// Relative to the package: `concat!(env!("CARGO_MANIFEST_DIR"), "/src/x.rs")`.
    InPackage(String),
    /// Written by a build script: `concat!(env!("OUT_DIR"), …)`.
    Generated,
    /// Neither a literal nor one of these forms.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inline {
    pub(super) name: String,
    pub(super) path: Option<String>,
}

/// Where a module's children are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// The directory of the module's file.
    pub(super) path: PathBuf,
    /// For `name.rs` that is not a root, a `mod.rs` or named by `#[path]`: its own name.
    pub(super) relative: Option<String>,
}

/// A file that may hold a module.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// [`Directory::relative`] of the module if this is its file.
    pub(super) relative: Option<String>,
}

impl Directory {
    /// The directory in which the children of nested inline modules are looked for.
    fn inside(&self, inline: &[Inline]) -> Directory {
        let mut dir = self.clone();
        for module in inline {
            match &module.path {
                Some(path) => {
                    dir.path.push(path);
                    dir.relative = None;
                }
                None => {
                    dir.path.extend(dir.relative.take());
                    dir.path.push(&module.name);
                }
            }
        }
        dir
    }

    /// The files that `mod name;` can mean, in the order they are tried.
    pub(super) fn candidates(&self, name: &str, inline: &[Inline]) -> Vec<Candidate> {
        let mut dir = self.inside(inline);
        dir.path.extend(dir.relative.take());
        let file = dir.path.join(format!("{name}.rs"));
        let in_directory = dir.path.join(name).join("mod.rs");
        vec![
            Candidate { path: file, relative: Some(name.to_owned()) },
            Candidate { path: in_directory, relative: None },
        ]
    }

    /// The file that `#[path = "value"]` means.
    pub(super) fn at_path(&self, value: &str, inline: &[Inline]) -> Candidate {
        Candidate { path: self.inside(inline).path.join(value), relative: None }
    }

    /// The directory of the children of the module in `file`.
    pub(super) fn of(file: &Path, relative: Option<String>) -> Directory {
        Directory { path: file.parent().unwrap_or(Path::new("")).to_owned(), relative }
    }
}

/// All places in `text` that name another file, in source order.
pub(super) fn scan(text: &str) -> Vec<Decl> {
    if !names_files(text) {
        return Vec::new();
    }
    let mut scan = Scan {
        scanner: Scanner::new(text),
        stack: Vec::new(),
        inline: Vec::new(),
        bodies: 0,
        definitions: 0,
        attrs: Vec::new(),
        base: Condition::Always,
        decls: Vec::new(),
    };
    scan.run();
    scan.decls
}

/// Whether the text can hold a `mod x;` or an `include!` at all; most files do not.
fn names_files(text: &str) -> bool {
    let bytes = text.as_bytes();
    let word_at = |n: usize| n == 0 || !is_ident(bytes[n - 1]);
    let declares = |n: usize| {
        let rest = &text[n + 3..];
        let name = rest.trim_start();
        let starts = name.len() < rest.len() || name.starts_with('/');
        let after = name.trim_start_matches(|c: char| !c.is_ascii() || is_ident(c as u8) || c == '#').trim_start();
        starts && (after.starts_with([';', '/']) || after.is_empty())
    };
    let includes = |n: usize| text[n + 7..].trim_start().starts_with(['!', '/']);
    memmem::find_iter(bytes, b"mod").any(|n| word_at(n) && declares(n))
        || memmem::find_iter(bytes, b"include").any(|n| word_at(n) && includes(n))
}

struct Scan<'a> {
    scanner: Scanner<'a>,
    stack: Vec<Frame>,
    /// The inline modules on the stack.
    inline: Vec<Inline>,
    /// How many frames of the stack are [`FrameKind::Other`].
    bodies: usize,
    /// How many are [`FrameKind::Definition`].
    definitions: usize,
    /// The attributes since the last token that is not part of an item's head.
    attrs: Vec<Attr>,
    /// By the file's `#![cfg(…)]`.
    base: Condition,
    decls: Vec<Decl>,
}

struct Frame {
    kind: FrameKind,
    condition: Condition,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Inline,
    /// The arguments of a macro.
    Macro,
    /// The rules of a macro.
    Definition,
    Other,
}

enum Attr {
    Cfg(Condition),
    Path(PathAttr),
}

/// What the tokens just read say about an opening delimiter that follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The start of the file, `;` or a closing or opening brace.
    Boundary,
    Word,
    /// `name!`
    Bang,
    /// `macro_rules! name`
    Definition,
    Other,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        let mut before = Before::Boundary;
        while let Some(token) = self.scanner.next_code() {
            before = match token.kind {
                Kind::Punct(b'#') if self.attribute() => before,
                Kind::Punct(open @ (b'(' | b'[' | b'{')) => {
                    let kind = match before {
                        Before::Bang => FrameKind::Macro,
                        Before::Definition => FrameKind::Definition,
                        _ => FrameKind::Other,
                    };
                    self.open(kind, Condition::Always);
                    if open == b'{' { Before::Boundary } else { Before::Other }
                }
                Kind::Punct(close @ (b')' | b']' | b'}')) => {
                    self.close();
                    if close == b'}' { Before::Boundary } else { Before::Other }
                }
                Kind::Ident => self.word(token, before),
                Kind::Punct(b'!') if before == Before::Word => Before::Bang,
                Kind::Punct(b';') => {
                    self.attrs.clear();
                    Before::Boundary
                }
                _ => {
                    self.attrs.clear();
                    Before::Other
                }
            };
        }
    }

    fn word(&mut self, token: Token, before: Before) -> Before {
        match self.scanner.text(token) {
            "mod" => return self.module(token),
            "include" => self.include(token, before),
            "pub" => {
                if self.scanner.peek_code().is_some_and(|t| t.is(b'(')) {
                    self.scanner.next_code();
                    self.scanner.skip_group();
                }
                return before;
            }
            "unsafe" => return before,
            // No macro is named so; `if !x {` opens a block.
            "if" | "while" | "match" | "return" | "in" | "else" | "break" => {
                self.attrs.clear();
                return Before::Other;
            }
            _ => {}
        }
        self.attrs.clear();
        // The name in `macro_rules! name {`.
        if before == Before::Bang { Before::Definition } else { Before::Word }
    }

    /// Reads `mod name;` or `mod name {`, the word `mod` being read.
    fn module(&mut self, keyword: Token) -> Before {
        let mut ahead = self.scanner.clone();
        let (Some(name), Some(end)) = (ahead.next_code(), ahead.next_code()) else { return Before::Word };
        if name.kind != Kind::Ident || !(end.is(b';') || end.is(b'{')) {
            self.attrs.clear();
            return Before::Word;
        }
        let text = ahead.text(name);
        let text = text.strip_prefix("r#").unwrap_or(text).to_owned();
        self.scanner = ahead;
        let condition = self.condition_of_attrs();
        let paths = self.attrs.drain(..).filter_map(Attr::into_path).collect::<Vec<_>>();
        if end.is(b'{') {
            let path = paths.into_iter().next().map(|p| p.value);
            self.inline.push(Inline { name: text, path });
            self.open(FrameKind::Inline, condition);
        } else {
            let what = What::Mod { name: text, paths };
            self.declare(Span::new(keyword.start as u32, end.end as u32), name.start as u32, what, condition);
        }
        Before::Boundary
    }

    /// Reads `include!(…)`, the word `include` being read.
    fn include(&mut self, word: Token, before: Before) {
        let mut ahead = self.scanner.clone();
        let is_macro = ahead.next_code().is_some_and(|t| t.is(b'!'));
        let Some(open) = ahead.next_code() else { return };
        if !is_macro || !matches!(open.kind, Kind::Punct(b'(' | b'[' | b'{')) {
            return;
        }
        let argument = include_argument(ahead.clone());
        let end = ahead.skip_group();
        let items = self.bodies == 0 && before == Before::Boundary;
        let condition = self.condition_of_attrs();
        let what = What::Include { argument, items };
        self.declare(Span::new(word.start as u32, end as u32), word.start as u32, what, condition);
        self.scanner = ahead;
    }

    fn declare(&mut self, span: Span, at: u32, what: What, condition: Condition) {
        if self.inline.len() > MAX_INLINE || self.decls.len() >= MAX_DECLS {
            return;
        }
        let condition = condition.max(self.condition());
        let in_definition = self.definitions > 0;
        self.decls.push(Decl { span, at, what, inline: self.inline.clone(), condition, in_definition });
    }

    fn open(&mut self, kind: FrameKind, condition: Condition) {
        let own = if kind == FrameKind::Inline { condition } else { condition.max(Condition::Sometimes) };
        let condition = own.max(self.condition());
        self.attrs.clear();
        self.bodies += usize::from(kind == FrameKind::Other);
        self.definitions += usize::from(kind == FrameKind::Definition);
        self.stack.push(Frame { kind, condition });
    }

    fn close(&mut self) {
        self.attrs.clear();
        match self.stack.pop().map(|f| f.kind) {
            Some(FrameKind::Inline) => drop(self.inline.pop()),
            Some(FrameKind::Other) => self.bodies -= 1,
            Some(FrameKind::Definition) => self.definitions -= 1,
            Some(FrameKind::Macro) | None => {}
        }
    }

    fn condition(&self) -> Condition {
        self.stack.last().map_or(self.base, |f| f.condition)
    }

    fn condition_of_attrs(&self) -> Condition {
        self.attrs.iter().map(Attr::condition).max().unwrap_or_default()
    }

    /// Reads an attribute, its `#` being read; false if none follows.
    fn attribute(&mut self) -> bool {
        let mut ahead = self.scanner.clone();
        let mut token = ahead.next_code();
        let inner = token.is_some_and(|t| t.is(b'!'));
        if inner {
            token = ahead.next_code();
        }
        if !token.is_some_and(|t| t.is(b'[')) {
            return false;
        }
        let content = ahead.clone();
        let end = ahead.skip_group();
        self.scanner = ahead;
        let Some(attr) = read_attribute(content, end) else { return true };
        if !inner {
            self.attrs.push(attr);
        } else if let Attr::Cfg(condition) = attr {
            let around = self.stack.last_mut().map_or(&mut self.base, |f| &mut f.condition);
            *around = condition.max(*around);
        }
        true
    }
}

impl Attr {
    fn condition(&self) -> Condition {
        match self {
            Attr::Cfg(condition) => *condition,
            Attr::Path(PathAttr { predicate: Some(_), .. }) => Condition::Sometimes,
            Attr::Path(_) => Condition::Always,
        }
    }

    fn into_path(self) -> Option<PathAttr> {
        match self {
            Attr::Path(path) => Some(path),
            Attr::Cfg(_) => None,
        }
    }
}

/// Reads what stands between the brackets of an attribute; `None` if it has nothing to do with files.
fn read_attribute(mut scanner: Scanner<'_>, end: usize) -> Option<Attr> {
    let name = scanner.next_code()?;
    match scanner.text(name) {
        "path" => path_value(&mut scanner).map(|value| Attr::Path(PathAttr { value, predicate: None })),
        "cfg" => Some(Attr::Cfg(read_cfg(&mut scanner))),
        "cfg_attr" => {
            let open = scanner.next_code()?;
            let mut comma = None;
            let mut depth = 0_usize;
            while let Some(token) = scanner.next_code().filter(|t| t.end <= end) {
                match token.kind {
                    Kind::Punct(b'(') => depth += 1,
                    Kind::Punct(b')') => depth = depth.saturating_sub(1),
                    Kind::Punct(b',') if depth == 0 => comma = comma.or(Some(token.start)),
                    Kind::Ident if scanner.text(token) == "path" && comma.is_some() => {
                        let Some(value) = path_value(&mut scanner) else { continue };
                        let predicate = scanner.slice(open.end, comma?).trim().to_owned();
                        return Some(Attr::Path(PathAttr { value, predicate: Some(predicate) }));
                    }
                    _ => {}
                }
            }
            None
        }
        _ => None,
    }
}

/// Reads `(predicate)`, as far as needed to know `test` and `all(test, …)`.
fn read_cfg(scanner: &mut Scanner<'_>) -> Condition {
    let mut words = std::iter::from_fn(|| scanner.next_code()).filter(|t| t.kind == Kind::Ident).take(2);
    let (first, second) = (words.next(), words.next());
    let is = |token: Option<Token>, word: &str| token.is_some_and(|t| scanner.text(t) == word);
    let tests = is(first, "test") || is(first, "all") && is(second, "test");
    if tests { Condition::InTests } else { Condition::Sometimes }
}

/// Reads `= "value"`.
fn path_value(scanner: &mut Scanner<'_>) -> Option<String> {
    let mut ahead = scanner.clone();
    let equals = ahead.next_code()?;
    let value = ahead.next_code()?;
    if !equals.is(b'=') || value.kind != Kind::Str {
        return None;
    }
    let value = string_value(ahead.text(value))?;
    *scanner = ahead;
    Some(value)
}

/// Reads the argument of `include!`, the opening delimiter being read.
fn include_argument(mut scanner: Scanner<'_>) -> IncludeArgument {
    let Some(first) = scanner.next_code() else { return IncludeArgument::Unknown };
    if first.kind == Kind::Str {
        return string_value(scanner.text(first)).map_or(IncludeArgument::Unknown, IncludeArgument::Relative);
    }
    let argument = scanner.text(first).to_owned();
    if argument == "env" && macro_string(&mut scanner).as_deref() == Some("OUT_DIR") {
        return IncludeArgument::Generated;
    }
    if argument != "concat" {
        return IncludeArgument::Unknown;
    }
    concat_argument(&mut scanner).unwrap_or(IncludeArgument::Unknown)
}

/// Reads the arguments of `concat!`, the word being read.
fn concat_argument(scanner: &mut Scanner<'_>) -> Option<IncludeArgument> {
    let mut value = String::new();
    let mut in_package = false;
    scanner.next_code().filter(|t| t.is(b'!'))?;
    scanner.next_code()?;
    loop {
        let token = scanner.next_code()?;
        match token.kind {
            Kind::Str => value.push_str(&string_value(scanner.text(token))?),
            Kind::Ident if scanner.text(token) == "env" => match macro_string(scanner)?.as_str() {
                "OUT_DIR" => return Some(IncludeArgument::Generated),
                "CARGO_MANIFEST_DIR" if value.is_empty() => in_package = true,
                _ => return None,
            },
            Kind::Punct(b',') => {}
            Kind::Punct(b')' | b']' | b'}') => break,
            _ => return None,
        }
    }
    Some(if in_package { IncludeArgument::InPackage(value) } else { IncludeArgument::Relative(value) })
}

/// Reads `!("text")`.
fn macro_string(scanner: &mut Scanner<'_>) -> Option<String> {
    scanner.next_code().filter(|t| t.is(b'!'))?;
    scanner.next_code()?;
    let text = scanner.next_code().filter(|t| t.kind == Kind::Str)?;
    let value = string_value(scanner.text(text));
    scanner.skip_group();
    value
}

#[cfg(test)]
mod tests;
