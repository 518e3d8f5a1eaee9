//! What is known of the configuration a target is built in.
//!
//! Features are decided by the command line and the manifests, the target's own flags by its triple. Everything else
//! (`loom`, `miri`, `debug_assertions`, flags of build scripts) is unknown and evaluates to `None`, so that nobody takes
//! code for dead that some build compiles.

use std::collections::BTreeSet;

use crate::ir::Cfg;

/// The configuration of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CfgSet {
    /// The features that are on; any other is off.
    pub features: BTreeSet<String>,
    /// `cfg(test)`; `None` if the target is built both ways.
    pub test: Option<bool>,
    /// What is known of the target platform.
    pub platform: Platform,
    /// Flags given to rustc by `--cfg` in `RUSTFLAGS`: name and value.
    pub flags: BTreeSet<(String, Option<String>)>,
}

impl CfgSet {
    /// Whether the condition holds; `None` if it depends on something unknown.
    pub fn eval(&self, cfg: &Cfg) -> Option<bool> {
        match cfg {
            Cfg::All(all) => fold(all.iter().map(|c| self.eval(c)), false),
            Cfg::Any(any) => fold(any.iter().map(|c| self.eval(c)), true),
            Cfg::Not(not) => self.eval(not).map(|value| !value),
            Cfg::Flag(name) => self.flag(name),
            Cfg::Equals(name, value) => self.equals(name, value),
        }
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match name {
            "test" => self.test,
            "true" => Some(true),
            "false" => Some(false),
            _ if self.flags.contains(&(name.to_owned(), None)) => Some(true),
            "unix" | "windows" => self.platform.family.as_deref().map(|family| family == name),
            _ => None,
        }
    }

    fn equals(&self, name: &str, value: &str) -> Option<bool> {
        if self.flags.contains(&(name.to_owned(), Some(value.to_owned()))) {
            return Some(true);
        }
        let platform = &self.platform;
        let known = match name {
            "feature" => return Some(self.features.contains(value)),
            "target_has_atomic" => return platform.has_atomic(value),
            "target_arch" => &platform.arch,
            "target_os" => &platform.os,
            "target_env" => &platform.env,
            "target_vendor" => &platform.vendor,
            "target_family" => &platform.family,
            "target_endian" => &platform.endian,
            "target_pointer_width" => &platform.pointer_width,
            _ => return None,
        };
        known.as_deref().map(|known| known == value)
    }
}

/// `any` of the values if `decisive`, else `all` of them: a decisive one decides, otherwise an unknown leaves it open.
fn fold(values: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for value in values {
        match value {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

/// What a target triple says; what it does not say, or nobody has written down here, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    pub arch: Option<String>,
    pub vendor: Option<String>,
    pub os: Option<String>,
    pub env: Option<String>,
    /// `unix`, `windows`, `wasm`; the empty string for none.
    pub family: Option<String>,
    pub endian: Option<String>,
    pub pointer_width: Option<String>,
}

impl Platform {
    /// The platform this program was built for, which is the one it runs on.
    pub fn host() -> Self {
        use std::env::consts::{ARCH, FAMILY, OS};
        let env = [
            ("gnu", cfg!(target_env = "gnu")),
            ("musl", cfg!(target_env = "musl")),
            ("msvc", cfg!(target_env = "msvc")),
        ];
        let width = usize::BITS;
        let big = cfg!(target_endian = "big");
        Platform {
            arch: Some(ARCH.to_owned()),
            vendor: None,
            os: Some(OS.to_owned()),
            env: env.iter().find(|(_, on)| *on).map(|(name, _)| (*name).to_owned()),
            family: Some(FAMILY.to_owned()),
            endian: Some(if big { "big" } else { "little" }.to_owned()),
            pointer_width: Some(width.to_string()),
        }
    }

    /// Reads `x86_64-unknown-linux-gnu`. A path to a target specification is not opened: everything is unknown then.
    pub fn of_triple(triple: &str) -> Self {
        if triple.ends_with(".json") {
            return Platform::default();
        }
        let mut parts = triple.splitn(4, '-');
        let first = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let (vendor, system) = match rest.as_slice() {
            [vendor, system @ ..] if !is_system(vendor) => (Some(*vendor), system),
            system => (None, system),
        };
        let (arch, width, endian) = arch(first);
        let android = system.iter().find(|part| part.starts_with("android"));
        let os = android.or(system.first()).and_then(|name| os(name));
        let env = match (os, system) {
            (_, [_, env, ..]) => {
                ["gnu", "musl", "msvc", "sgx", "ohos", "uclibc"].into_iter().find(|e| env.starts_with(e))
            }
            (Some("macos" | "none" | "freebsd" | "netbsd" | "openbsd"), _) => Some(""),
            _ => None,
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Platform {
            arch: owned(arch),
            vendor: owned(vendor),
            os: owned(os),
            env: owned(env),
            family: owned(os.and_then(|os| family(os, first))),
            endian: owned(endian),
            pointer_width: owned(width),
        }
    }

    /// The usual triple of a desktop or server platform.
    pub(super) fn triple(&self) -> Option<String> {
        let arch = self.arch.as_deref()?;
        match (self.os.as_deref()?, self.env.as_deref()) {
            ("linux", Some(env)) => Some(format!("{arch}-unknown-linux-{env}")),
            ("windows", Some(env)) => Some(format!("{arch}-pc-windows-{env}")),
            ("macos", _) => Some(format!("{arch}-apple-darwin")),
            _ => None,
        }
    }

    /// `cfg(target_has_atomic = "…")`, for the architectures where it does not depend on the model.
    fn has_atomic(&self, width: &str) -> Option<bool> {
        let model_free =
            ["x86", "x86_64", "aarch64", "arm64ec", "powerpc64", "s390x", "loongarch64", "sparc64", "mips64"];
        let arch = self.arch.as_deref().filter(|arch| model_free.contains(arch))?;
        match width {
            "8" | "16" | "32" | "64" | "ptr" => Some(true),
            "128" if matches!(arch, "aarch64" | "arm64ec" | "s390x") => Some(true),
            _ => None,
        }
    }
}

fn is_system(word: &str) -> bool {
    ["linux", "none", "wasip1", "wasip2", "cuda", "uefi", "fuchsia"].contains(&word)
}

/// Name, pointer width, byte order of the first part of a triple.
fn arch(first: &str) -> (Option<&str>, Option<&'static str>, Option<&'static str>) {
    match first {
        "x86_64" | "x86_64h" => (Some("x86_64"), Some("64"), Some("little")),
        "i386" | "i586" | "i686" => (Some("x86"), Some("32"), Some("little")),
        "aarch64" | "arm64" | "arm64e" => (Some("aarch64"), Some("64"), Some("little")),
        "aarch64_be" => (Some("aarch64"), Some("64"), Some("big")),
        "powerpc" => (Some("powerpc"), Some("32"), Some("big")),
        "powerpc64" => (Some("powerpc64"), Some("64"), Some("big")),
        "powerpc64le" => (Some("powerpc64"), Some("64"), Some("little")),
        "s390x" => (Some("s390x"), Some("64"), Some("big")),
        "loongarch64" => (Some("loongarch64"), Some("64"), Some("little")),
        "sparc64" | "sparcv9" => (Some("sparc64"), Some("64"), Some("big")),
        "wasm32" => (Some("wasm32"), Some("32"), Some("little")),
        "wasm64" => (Some("wasm64"), Some("64"), Some("little")),
        "avr" | "msp430" => (Some(first), Some("16"), Some("little")),
        "mips" => (Some("mips"), Some("32"), Some("big")),
        "mipsel" => (Some("mips"), Some("32"), Some("little")),
        "mips64" => (Some("mips64"), Some("64"), Some("big")),
        "mips64el" => (Some("mips64"), Some("64"), Some("little")),
        _ if first.starts_with("riscv32") => (Some("riscv32"), Some("32"), Some("little")),
        _ if first.starts_with("riscv64") => (Some("riscv64"), Some("64"), Some("little")),
        _ if first.starts_with("armeb") || first.starts_with("thumbeb") => (Some("arm"), Some("32"), Some("big")),
        _ if first.starts_with("arm") || first.starts_with("thumb") => (Some("arm"), Some("32"), Some("little")),
        _ => (None, None, None),
    }
}

fn os(name: &str) -> Option<&'static str> {
    let known = [
        "linux",
        "windows",
        "freebsd",
        "netbsd",
        "openbsd",
        "dragonfly",
        "illumos",
        "solaris",
        "android",
        "ios",
        "tvos",
        "watchos",
        "visionos",
        "fuchsia",
        "redox",
        "haiku",
        "hermit",
        "emscripten",
        "wasi",
        "uefi",
        "none",
        "cuda",
        "vxworks",
    ];
    match name {
        "darwin" | "macosx" => Some("macos"),
        "linuxkernel" => Some("none"),
        "android" | "androideabi" => Some("android"),
        _ => known.into_iter().find(|os| name.starts_with(os)),
    }
}

fn family(os: &str, arch: &str) -> Option<&'static str> {
    match os {
        "windows" => Some("windows"),
        "none" | "uefi" | "cuda" | "hermit" if !arch.starts_with("wasm") => Some(""),
        _ if arch.starts_with("wasm") => Some("wasm"),
        _ => Some("unix"),
    }
}

/// The `--cfg` flags of `CARGO_ENCODED_RUSTFLAGS` or `RUSTFLAGS`.
pub(super) fn rustflags() -> BTreeSet<(String, Option<String>)> {
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let plain = std::env::var("RUSTFLAGS").unwrap_or_default();
    match &encoded {
        Some(encoded) => cfg_flags(encoded.split('\u{1f}')),
        None => cfg_flags(plain.split_whitespace()),
    }
}

fn cfg_flags<'a>(words: impl Iterator<Item = &'a str>) -> BTreeSet<(String, Option<String>)> {
    let mut flags = BTreeSet::new();
    let mut expects = false;
    for word in words {
        let flag = match word.strip_prefix("--cfg=") {
            Some(flag) => Some(flag),
            None => expects.then_some(word),
        };
        expects = word == "--cfg";
        let Some(flag) = flag else { continue };
        match flag.split_once('=') {
            Some((name, value)) => flags.insert((name.to_owned(), Some(value.trim_matches('"').to_owned()))),
            None => flags.insert((flag.to_owned(), None)),
        };
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(name: &str) -> Cfg {
        Cfg::Flag(name.to_owned())
    }

    fn equals(name: &str, value: &str) -> Cfg {
        Cfg::Equals(name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_unknown_stays_open_unless_it_cannot_matter() {
        let set = CfgSet { test: Some(false), ..CfgSet::default() };
        let (on, off, open) = (Cfg::always(), flag("test"), flag("loom"));
        let all = |a: &Cfg, b: &Cfg| Cfg::All(vec![a.clone(), b.clone()]);
        let any = |a: &Cfg, b: &Cfg| Cfg::Any(vec![a.clone(), b.clone()]);
        for (cfg, expected) in [
            (on.clone(), Some(true)),
            (Cfg::Any(vec![]), Some(false)),
            (open.clone(), None),
            (Cfg::Not(Box::new(open.clone())), None),
            (Cfg::Not(Box::new(off.clone())), Some(true)),
            (all(&open, &off), Some(false)),
            (all(&open, &on), None),
            (any(&open, &on), Some(true)),
            (any(&open, &off), None),
            (any(&off, &off), Some(false)),
        ] {
            assert_eq!(set.eval(&cfg), expected, "{cfg:?}");
        }
    }

    /// Checks what is known of a flag on a platform.
    #[track_caller]
    fn check(triple: &str, cfg: Cfg, expected: Option<bool>) {
        let set = CfgSet { platform: Platform::of_triple(triple), ..CfgSet::default() };
        assert_eq!(set.eval(&cfg), expected, "{triple}: {cfg:?}");
    }

    #[test]
    fn triples() {
        check("x86_64-unknown-linux-gnu", flag("unix"), Some(true));
        check("x86_64-unknown-linux-gnu", equals("target_env", "gnu"), Some(true));
        check("x86_64-unknown-linux-gnu", equals("target_pointer_width", "32"), Some(false));
        check("x86_64-unknown-linux-gnu", equals("target_has_atomic", "64"), Some(true));
        check("x86_64-unknown-linux-gnu", equals("target_has_atomic", "128"), None);
        check("x86_64-pc-windows-msvc", flag("windows"), Some(true));
        check("aarch64-apple-darwin", equals("target_os", "macos"), Some(true));
        check("aarch64-linux-android", equals("target_os", "android"), Some(true));
        check("thumbv6m-none-eabi", equals("target_os", "none"), Some(true));
        check("thumbv6m-none-eabi", equals("target_has_atomic", "64"), None);
        check("wasm32-unknown-unknown", equals("target_arch", "wasm32"), Some(true));
        check("wasm32-unknown-unknown", flag("unix"), None);
        check("my-board.json", flag("unix"), None);
        check("quux", equals("target_arch", "x86"), None);
    }

    #[test]
    fn the_host_is_known() {
        let set = CfgSet { platform: Platform::host(), ..CfgSet::default() };
        assert_eq!(set.eval(&flag("unix")), Some(cfg!(unix)));
        assert_eq!(set.eval(&equals("target_arch", "x86_64")), Some(cfg!(target_arch = "x86_64")));
    }

    #[test]
    fn flags_of_the_environment() {
        let flags = cfg_flags(["-C", "x", "--cfg", "loom", "--cfg=a=\"b\"", "--cfg"].into_iter());
        let expected = [("a".to_owned(), Some("b".to_owned())), ("loom".to_owned(), None)];
        assert_eq!(flags, expected.into());
    }
}
