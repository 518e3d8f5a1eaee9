//! Package specifications as cargo reads them after `-p` and `--exclude`.
//!
//! A name, `name@1.2`, a glob over names, or a package id: `path+file:///dir#name@1.2.3` (which rust-analyzer sends) and
//! the form of older cargos, `name 1.2.3 (path+file:///dir)`.

use cargo_metadata::Package;
use globset::{Glob, GlobMatcher};

pub(super) struct Spec {
    name: Option<Name>,
    /// Complete, or its first parts.
    version: Option<String>,
    /// Without the kind of source before it.
    url: Option<String>,
}

enum Name {
    Exact(String),
    Glob(GlobMatcher),
}

impl Spec {
    /// Reads a specification; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Spec, String> {
        if let Some(spec) = Spec::parse_old(text) {
            return Ok(spec);
        }
        let (url, rest) = match text.contains("://") {
            false => (None, Some(text)),
            true => {
                let (url, fragment) = text.split_once('#').map_or((text, None), |(url, rest)| (url, Some(rest)));
                (Some(bare_url(url)), fragment)
            }
        };
        let (name, version) = match rest {
            None => (None, None),
            Some(rest) => match rest.split_once(['@', ':']) {
                Some((name, version)) => (Some(name), Some(version.to_owned())),
                None if url.is_some() && rest.starts_with(|c: char| c.is_ascii_digit()) => {
                    (None, Some(rest.to_owned()))
                }
                None => (Some(rest), None),
            },
        };
        let name = match name {
            None => None,
            Some("") => return Err("it has no package name".to_owned()),
            Some(name) if name.contains(['*', '?', '[']) => match Glob::new(name) {
                Ok(glob) => Some(Name::Glob(glob.compile_matcher())),
                Err(error) => return Err(format!("the pattern is wrong: {}", error.kind())),
            },
            Some(name) => Some(Name::Exact(name.to_owned())),
        };
        Ok(Spec { name, version, url })
    }

    /// `name 1.2.3 (path+file:///dir)`
    fn parse_old(text: &str) -> Option<Spec> {
        let (head, url) = text.strip_suffix(')')?.split_once(" (")?;
        let (name, version) = head.split_once(' ')?;
        Some(Spec {
            name: Some(Name::Exact(name.to_owned())),
            version: Some(version.to_owned()),
            url: Some(bare_url(url)),
        })
    }

    pub(super) fn matches(&self, package: &Package) -> bool {
        let name = match &self.name {
            None => true,
            Some(Name::Exact(name)) => package.name.as_str() == name,
            Some(Name::Glob(glob)) => glob.is_match(package.name.as_str()),
        };
        let version = self.version.as_ref().is_none_or(|version| {
            let full = package.version.to_string();
            full.strip_prefix(version.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
        });
        name && version && self.url.as_ref().is_none_or(|url| *url == url_of(&package.id.repr))
    }

    /// The name to look for among the names there are; empty if it has none.
    pub(super) fn name(&self) -> &str {
        match &self.name {
            Some(Name::Exact(name)) => name,
            Some(Name::Glob(glob)) => glob.glob().glob(),
            None => "",
        }
    }
}

/// The URL in a package id of either form.
fn url_of(id: &str) -> String {
    let url = match id.strip_suffix(')').and_then(|head| head.split_once(" (")) {
        Some((_, url)) => url,
        None => id.split_once('#').map_or(id, |(url, _)| url),
    };
    bare_url(url)
}

fn bare_url(url: &str) -> String {
    let scheme = url.find("://").unwrap_or(0);
    let bare = url[..scheme].find('+').map_or(url, |plus| &url[plus + 1..]);
    bare.trim_end_matches('/').to_owned()
}

/// The names that look most like `name`, best first, at most three.
pub(super) fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let mut scored: Vec<(f64, &str)> =
        names.into_iter().map(|other| (strsim::jaro_winkler(name, other), other)).filter(|(s, _)| *s > 0.75).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by_key(|(_, other)| *other);
    scored.into_iter().take(3).map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, id: &str) -> Package {
        let value = serde_json::json!({
            "name": name, "version": version, "id": id, "source": null, "dependencies": [], "targets": [],
            "features": {}, "manifest_path": "/w/Cargo.toml", "description": null, "license": null,
            "license_file": null, "readme": null, "repository": null, "homepage": null, "documentation": null,
            "links": null, "publish": null, "default_run": null, "rust_version": null,
        });
        serde_json::from_value(value).expect("a package as cargo prints it")
    }

    /// Checks whether the specification matches `tokio` 1.54.1 in /w/tokio.
    #[track_caller]
    fn check(spec: &str, expected: bool) {
        for id in ["path+file:///w/tokio#1.54.1", "tokio 1.54.1 (path+file:///w/tokio)"] {
            let package = package("tokio", "1.54.1", id);
            let spec = Spec::parse(spec).expect("a specification");
            assert_eq!(spec.matches(&package), expected, "{id}");
        }
    }

    #[test]
    fn names_and_versions() {
        check("tokio", true);
        check("tokio@1", true);
        check("tokio@1.54.1", true);
        check("tokio:1.54", true);
        check("tokio@1.5", false);
        check("toki", false);
        check("to*", true);
        check("tok?o@2", false);
        assert!(Spec::parse("a[").is_err());
        assert!(Spec::parse("@1").is_err());
    }

    #[test]
    fn package_ids() {
        check("path+file:///w/tokio#1.54.1", true);
        check("path+file:///w/tokio#tokio@1.54.1", true);
        check("file:///w/tokio", true);
        check("file:///w/tokio#tokio", true);
        check("path+file:///w/other#tokio@1.54.1", false);
        check("path+file:///w/tokio#tokio@1.54.2", false);
        check("tokio 1.54.1 (path+file:///w/tokio)", true);
        check("tokio 1.54.1 (registry+https://example.org/index)", false);
    }

    #[test]
    fn names_that_are_near() {
        let names = ["tokio", "tokio-util", "mio", "serde"];
        assert_eq!(nearest("tokyo", names)[0], "tokio");
        assert!(nearest("xyz", names).is_empty());
    }
}
