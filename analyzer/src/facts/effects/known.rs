//! Which calls and macros of std and popular crates do what, by name and receiver type.
//!
//! A name alone is evidence only where nothing else bears it; common names need a receiver whose type says the
//! same. What is not listed has no known effect.

use super::EffectKind;
use crate::facts::Facts;
use crate::ir::{Call, Callee, ItemKind, MacroCall, Path, Place, ValueId};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, Known, Type};

/// What a call of a function outside of the analysed crates does.
pub(super) fn of_call(facts: &Facts<'_>, body: BodyId, call: &Call) -> Option<EffectKind> {
    match &call.callee {
        Callee::Path(path) => {
            let kind = of_path(&written(path), path.last())?;
            // The same name may stand for a function of the crate; its own body says what it does.
            match facts.program.target(body, call) {
                Target::Fn(_) | Target::Closure(_) => None,
                Target::Foreign(full) => of_path(&full, path.last()),
                _ if kind == EffectKind::Free && path.last() == "drop" => Some(kind),
                _ => (path.segments.len() > 1).then_some(kind),
            }
        }
        Callee::Method { receiver, name, .. } => of_method(facts, body, receiver, name, &call.args),
        Callee::Value(_) => None,
    }
}

fn written(path: &Path) -> String {
    path.to_string()
}

fn of_path(path: &str, last: &str) -> Option<EffectKind> {
    use EffectKind::*;
    let owner = path.rsplit("::").nth(1).unwrap_or("");
    let root = path.split("::").next().unwrap_or("");
    Some(match (owner, last) {
        ("Box" | "Arc" | "Rc", "new" | "pin" | "from" | "new_uninit" | "new_zeroed" | "default" | "new_cyclic") => {
            Allocate
        }
        ("Vec" | "String" | "VecDeque" | "HashMap" | "HashSet" | "BinaryHeap" | "PathBuf", "with_capacity") => Allocate,
        ("Vec" | "String" | "VecDeque", "from" | "from_iter" | "from_utf8_lossy") => Allocate,
        ("HashMap" | "BTreeMap" | "HashSet" | "BTreeSet", "from" | "from_iter") => Allocate,
        ("Owned", "new" | "from" | "init") => Allocate,
        ("CString", "new") => Allocate,
        ("alloc" | "System" | "Global", "alloc" | "alloc_zeroed" | "realloc" | "allocate") => Allocate,
        ("alloc", "dealloc") | ("System" | "Global", "dealloc" | "deallocate") => Free,
        ("mem" | "", "drop") => Free,
        ("ptr", "drop_in_place") | ("ManuallyDrop", "drop") => Free,
        ("Box" | "Arc" | "Rc", "from_raw" | "from_raw_in") => Reclaim,
        ("Arc" | "Rc", "decrement_strong_count") => Free,
        ("thread" | "task" | "tokio" | "rayon" | "async_std" | "smol", "spawn") => Spawn,
        ("task" | "tokio", "spawn_blocking" | "spawn_local" | "block_in_place") => Spawn,
        ("thread", "sleep" | "sleep_ms" | "sleep_until") | ("time", "sleep") => Sleep,
        ("fs", _) => Io,
        ("File", "open" | "create" | "options" | "create_new") => Io,
        ("TcpStream" | "UnixStream", "connect") | ("TcpListener" | "UdpSocket" | "UnixListener", "bind") => Io,
        ("io", "copy" | "read_to_string") => Io,
        ("io", "_print" | "_eprint") => Io,
        ("rand", "random" | "random_range" | "random_bool" | "fill") => Consume,
        ("fastrand", _) if root == "fastrand" => Consume,
        _ => return None,
    })
}

fn of_method(facts: &Facts<'_>, body: BodyId, receiver: &Place, name: &str, args: &[ValueId]) -> Option<EffectKind> {
    use EffectKind::*;
    if !is_listed(name) {
        return None;
    }
    let program = facts.program;
    let ty = program.place_type(body, receiver);
    if let Target::Fn(_) = program.method_target(body, ty.clone(), name) {
        return None;
    }
    let chain = program.autoderef(&ty);
    let known = |wanted: &[Known]| chain.iter().any(|t| matches!(t, Type::Known(k, _) if wanted.contains(k)));
    let external = |words: &[&str]| {
        chain.iter().any(|t| match t {
            Type::External(path, _) => {
                let last = path.rsplit("::").next().unwrap_or("");
                words.iter().any(|w| last.contains(w))
            }
            _ => false,
        })
    };
    let unknown = ty.peeled_refs().is_unknown();
    let named = |words: &[&str]| {
        let text = facts.text(facts.site(body, receiver.span)).to_lowercase();
        let last = text.rsplit(['.', ':', ' ']).next().unwrap_or("").to_owned();
        unknown && words.iter().any(|w| last == *w || last.split('_').any(|part| part == *w))
    };
    let guard_types = [Known::Mutex, Known::RwLock];
    Some(match name {
        "lock" | "lock_arc" | "blocking_lock" | "lock_blocking" | "lock_irqsave"
            if known(&guard_types)
                || external(&["Mutex", "Lock", "Stdout", "Stderr"])
                || unknown && args.is_empty() =>
        {
            Lock
        }
        "write" | "read" | "upgradable_read" | "blocking_write" | "blocking_read" | "try_lock" | "try_write"
        | "try_read"
            if (known(&guard_types) || external(&["RwLock", "Mutex"])) && args.is_empty() =>
        {
            Lock
        }
        "send" | "try_send" | "blocking_send" | "unbounded_send" | "send_timeout"
            if !args.is_empty()
                && (external(&["Sender", "SyncSender", "UnboundedSender"]) || named(&["tx", "sender", "send"])) =>
        {
            Send
        }
        "recv" | "try_recv" | "recv_timeout" | "blocking_recv"
            if external(&["Receiver"]) || named(&["rx", "receiver"]) =>
        {
            Consume
        }
        "gen_range" | "gen_bool" | "random_range" | "random_bool" | "next_u32" | "next_u64" | "fill_bytes"
        | "gen_ratio" => Consume,
        "gen" | "random" | "sample" | "shuffle" | "u32" | "u64" | "usize"
            if external(&["Rng", "rng", "Rand"]) || named(&["rng", "rand", "random"]) =>
        {
            Consume
        }
        "next" | "next_back" | "nth" | "next_if" if external(&["Iterator"]) || named(&["iter", "it", "ids"]) => Consume,
        "write_all" | "write_fmt" | "flush" | "read_line" | "read_to_end" | "read_to_string" | "read_exact"
        | "send_to" | "recv_from" | "sync_all" | "sync_data" | "set_len" | "read_until"
            if external(&["File", "Std", "Stream", "Socket", "Writer", "Reader", "Lock"]) =>
        {
            Io
        }
        "write" | "read" if external(&["File", "Stdout", "Stderr", "Stdin", "Stream", "Writer", "Reader"]) => Io,
        "spawn" if external(&["Scope", "Command", "Builder", "Runtime", "Handle", "Pool", "Executor"]) => Spawn,
        "to_vec" | "to_string" | "into_boxed_slice" | "to_owned" | "repeat" | "concat" | "join" | "to_lowercase"
        | "to_uppercase" | "into_boxed_str"
            if name != "to_owned" || !chain.iter().any(|t| matches!(t, Type::Adt(..))) =>
        {
            match name {
                // `JoinHandle::join`, `Path::join` aside.
                "join" if known(&[Known::JoinHandle]) || args.is_empty() => return None,
                "repeat" | "concat" | "join" if unknown => return None,
                _ => Allocate,
            }
        }
        "collect" => Allocate,
        "clone" if chain.iter().find(|t| !matches!(t, Type::Ref { .. })).is_some_and(|t| facts.owns_heap(t, 0)) => {
            Allocate
        }
        "drop_in_place" => Free,
        "defer" | "defer_unchecked" | "defer_destroy" | "defer_retire" | "retire" | "retire_ptr"
            if known(&[Known::ReclaimGuard]) || unknown || external(&["Guard", "Domain", "Collector"]) =>
        {
            Free
        }
        "push" | "push_back" | "push_front" | "push_str" | "insert" | "extend" | "append" | "remove" | "pop"
        | "pop_front" | "pop_back" | "clear" | "truncate" | "drain" | "retain" | "swap_remove" | "entry"
        | "extend_from_slice" | "resize" | "split_off"
            if known(&[Known::Vec, Known::String, Known::Map])
                || external(&["Vec", "Map", "Set", "Queue", "Heap", "String", "Deque"]) =>
        {
            Mutate
        }
        "set" | "replace" | "update" if known(&[Known::Cell, Known::RefCell]) => Mutate,
        _ => return None,
    })
}

/// Names that [`of_method`] looks at; the type of the receiver is asked for only then.
fn is_listed(name: &str) -> bool {
    matches!(
        name,
        "lock"
            | "lock_arc"
            | "blocking_lock"
            | "lock_blocking"
            | "lock_irqsave"
            | "write"
            | "read"
            | "upgradable_read"
            | "blocking_write"
            | "blocking_read"
            | "try_lock"
            | "try_write"
            | "try_read"
            | "send"
            | "try_send"
            | "blocking_send"
            | "unbounded_send"
            | "send_timeout"
            | "recv"
            | "try_recv"
            | "recv_timeout"
            | "blocking_recv"
            | "gen_range"
            | "gen_bool"
            | "random_range"
            | "random_bool"
            | "next_u32"
            | "next_u64"
            | "fill_bytes"
            | "gen_ratio"
            | "gen"
            | "random"
            | "sample"
            | "shuffle"
            | "u32"
            | "u64"
            | "usize"
            | "next"
            | "next_back"
            | "nth"
            | "next_if"
            | "write_all"
            | "write_fmt"
            | "flush"
            | "read_line"
            | "read_to_end"
            | "read_to_string"
            | "read_exact"
            | "send_to"
            | "recv_from"
            | "sync_all"
            | "sync_data"
            | "set_len"
            | "read_until"
            | "spawn"
            | "to_vec"
            | "to_string"
            | "into_boxed_slice"
            | "to_owned"
            | "repeat"
            | "concat"
            | "join"
            | "to_lowercase"
            | "to_uppercase"
            | "into_boxed_str"
            | "collect"
            | "clone"
            | "drop_in_place"
            | "defer"
            | "defer_unchecked"
            | "defer_destroy"
            | "defer_retire"
            | "retire"
            | "retire_ptr"
            | "push"
            | "push_back"
            | "push_front"
            | "push_str"
            | "insert"
            | "extend"
            | "append"
            | "remove"
            | "pop"
            | "pop_front"
            | "pop_back"
            | "clear"
            | "truncate"
            | "drain"
            | "retain"
            | "swap_remove"
            | "entry"
            | "extend_from_slice"
            | "resize"
            | "split_off"
            | "set"
            | "replace"
            | "update"
    )
}

/// What a macro does. One that the crates define under that name is not the one meant here.
pub(super) fn of_macro(facts: &Facts<'_>, body: BodyId, call: &MacroCall) -> Option<EffectKind> {
    use EffectKind::*;
    let kind = match call.path.last() {
        "println" | "print" | "eprintln" | "eprint" | "dbg" => Io,
        "trace" | "debug" | "info" | "warn" | "error" | "log" | "event" | "trace_span" | "debug_span" | "info_span"
        | "warn_span" | "error_span" | "slog_info" | "slog_warn" | "slog_error" | "slog_debug" => Log,
        "format" => Allocate,
        "write" | "writeln" if call.args.first().is_some_and(|v| is_device(facts, body, *v)) => Io,
        "vec" if !call.args.is_empty() || call.opaque => Allocate,
        _ => return None,
    };
    let own = facts.declares_macro(call.path.last());
    let qualified = call.path.segments.len() > 1 && call.path.segments[0].name != "crate";
    let known = qualified || !own && (kind != Log || facts.imports_logging());
    known.then_some(kind)
}

/// Whether a writer is a file, a socket or a standard stream: not a `String`, and not something unknown.
fn is_device(facts: &Facts<'_>, body: BodyId, value: ValueId) -> bool {
    facts.program.autoderef(&facts.program.type_of(body, value)).iter().any(|t| match t {
        Type::External(path, _) => {
            let last = path.rsplit("::").next().unwrap_or("");
            ["File", "Stdout", "Stderr", "Stream"].iter().any(|w| last.contains(w))
        }
        _ => false,
    })
}

impl Facts<'_> {
    /// Whether a copy of such a value has memory of its own on the heap: owning collections and boxes, and types of
    /// the crates that hold some and derive `Clone`.
    pub fn owns_heap(&self, ty: &Type, depth: u32) -> bool {
        match ty {
            Type::Known(Known::Box | Known::Vec | Known::String | Known::Map, _) => true,
            Type::Known(Known::Option, args) => args.first().is_some_and(|t| self.owns_heap(t, depth + 1)),
            Type::Tuple(items) => items.iter().any(|t| self.owns_heap(t, depth + 1)),
            Type::External(path, _) => {
                let last = path.rsplit("::").next().unwrap_or("");
                matches!(
                    last,
                    "BinaryHeap" | "LinkedList" | "PathBuf" | "OsString" | "CString" | "IndexSet" | "FxHashSet"
                )
            }
            Type::Adt(adt, _) if depth < 4 && self.program.derives(*adt, "Clone") => {
                match &self.program.def(*adt).item.kind {
                    ItemKind::Struct(s) => {
                        s.fields.iter().any(|f| self.owns_heap(&self.program.lower_type(*adt, &f.ty), depth + 1))
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}
