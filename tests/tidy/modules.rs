//! The modules of `src`: what each file defines and imports, and which file a path leads to.

use std::collections::HashMap;

use crate::source::Source;

/// Re-exports that a path goes through at most, so that two globs of each other end.
const STEPS_MAX: usize = 16;

/// A path in the code, as its names: `crate`, `scope`, `judge`.
type NamePath = Vec<String>;

/// One file without its test code.
#[derive(Debug, Default)]
pub struct Module {
    /// The file: `src/scope/judge/mod.rs`.
    pub file: String,
    /// Its module: `scope`, `judge`.
    path: NamePath,
    /// The names of the items that it defines at its top level.
    items: Vec<String>,
    imports: Vec<Import>,
    /// The paths of its code beside imports. A single name is a path of one.
    paths: Vec<NamePath>,
}

/// One leaf of a `use`.
#[derive(Debug)]
struct Import {
    /// What the file calls it; `*` if it takes everything.
    name: String,
    path: NamePath,
    /// `pub use`: others may find it here.
    public: bool,
}

/// Every module of `src`.
pub struct ModuleTree {
    modules: Vec<Module>,
    by_path: HashMap<NamePath, usize>,
}

#[derive(Clone, Copy)]
enum Target {
    Item(usize),
    Module(usize),
}

impl ModuleTree {
    pub fn new(sources: &[Source]) -> Self {
        let ours = |source: &&Source| {
            source.path.starts_with("src/") && source.lines.iter().any(|line| !line.test)
        };
        let modules: Vec<Module> = sources.iter().filter(ours).map(Module::read).collect();
        let paths = modules.iter().enumerate();
        let by_path = paths.map(|(at, module)| (module.path.clone(), at));
        ModuleTree {
            by_path: by_path.collect(),
            modules,
        }
    }

    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The files that define what a file uses, without itself.
    pub fn used_files(&self, at: usize) -> Vec<usize> {
        let module = &self.modules[at];
        // A file that only passes a name on does not use it.
        let taken = module.imports.iter().filter(|import| !import.public);
        let of_imports = taken.filter_map(|import| self.file_of(at, &import.path));
        let of_paths = module
            .paths
            .iter()
            .filter_map(|path| self.file_of(at, path));
        let mut files: Vec<usize> = of_imports.chain(of_paths).filter(|to| *to != at).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// The file that defines what a path of the file `at` leads to; `None` for a module and for
    /// what is not of `src`.
    fn file_of(&self, at: usize, path: &[String]) -> Option<usize> {
        match self.resolve(at, path, STEPS_MAX)? {
            Target::Item(file) => Some(file),
            Target::Module(_) => None,
        }
    }

    fn resolve(&self, at: usize, path: &[String], steps: usize) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(self.module_at(&[])?),
            "self" => Target::Module(at),
            "super" => Target::Module(self.parent_of(at)?),
            name => self.look_up(at, name, !rest.is_empty(), steps)?,
        };
        while let (Target::Module(module), Some((name, further))) = (target, rest.split_first()) {
            target = match name.as_str() {
                "super" => Target::Module(self.parent_of(module)?),
                "self" | "*" => target,
                // A name that the file does not spell comes from a macro of it.
                name => self
                    .look_up(module, name, !further.is_empty(), steps)
                    .unwrap_or(Target::Item(module)),
            };
            rest = further;
        }
        Some(target)
    }

    /// What a name means in a module. Of a function and a module with one name, the module is meant
    /// where the path goes on.
    fn look_up(&self, at: usize, name: &str, goes_on: bool, steps: usize) -> Option<Target> {
        let steps = steps.checked_sub(1)?;
        let module = &self.modules[at];
        let mut below = module.path.clone();
        below.push(name.to_owned());
        let child = self.module_at(&below).map(Target::Module);
        if goes_on && child.is_some() {
            return child;
        }
        if module.items.iter().any(|item| item == name) {
            return Some(Target::Item(at));
        }
        let named = module.imports.iter().filter(|import| import.name == name);
        let mut named = named.filter_map(|import| self.resolve(at, &import.path, steps));
        let of_globs = || {
            let mut globs = module.imports.iter().filter(|import| import.name == "*");
            globs.find_map(|glob| match self.resolve(at, &glob.path, steps)? {
                Target::Module(from) if from != at => self.look_up(from, name, goes_on, steps / 2),
                _ => None,
            })
        };
        named.next().or(child).or_else(of_globs)
    }

    fn module_at(&self, path: &[String]) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    fn parent_of(&self, at: usize) -> Option<usize> {
        let (_, above) = self.modules[at].path.split_last()?;
        self.module_at(above)
    }
}

impl Module {
    fn read(source: &Source) -> Self {
        let inner = source.path.trim_start_matches("src/");
        let inner = inner.trim_end_matches(".rs");
        let names = inner.split('/');
        let door = |name: &&str| !matches!(*name, "mod" | "lib" | "main");
        let mut module = Module {
            file: source.path.clone(),
            path: names.filter(door).map(str::to_owned).collect(),
            ..Module::default()
        };
        if source.path == "src/main.rs" {
            module.path = vec!["main".to_owned()];
        }
        let code: String = source
            .lines
            .iter()
            .filter(|line| !line.test)
            .map(|line| format!("{}\n", line.code))
            .collect();
        module.read_tokens(&tokens(&code));
        module
    }

    fn read_tokens(&mut self, tokens: &[&str]) {
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1).copied().unwrap_or_default();
            match *token {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                "use" if next != "<" => {
                    let public = is_public(&tokens[..at]);
                    at = self.read_use(tokens, at + 1, &mut Vec::new(), public);
                    continue;
                }
                "mod" => at += 1,
                "struct" | "enum" | "union" | "fn" | "const" | "static" | "type" | "trait"
                    if is_name(next) && next != "fn" =>
                {
                    if depth == 0 {
                        self.items.push(next.to_owned());
                    }
                    // The name of what is declared is no path.
                    at += 1;
                }
                name if is_name(name) => {
                    let before = at.checked_sub(1).map(|before| tokens[before]);
                    let path = path_at(tokens, at);
                    at += 2 * path.len() - 2;
                    // A field, a method, and the rest of a path of a type are no paths.
                    if !matches!(before, Some("." | "::" | "'")) {
                        self.paths.push(path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Reads a tree of imports from `at`; gives where it ends.
    fn read_use(
        &mut self,
        tokens: &[&str],
        at: usize,
        above: &mut NamePath,
        public: bool,
    ) -> usize {
        let mut at = at;
        let known = above.len();
        let mut called = None;
        while let Some(token) = tokens.get(at) {
            match *token {
                "{" => {
                    at += 1;
                    while !matches!(tokens.get(at), None | Some(&"}")) {
                        at = self.read_use(tokens, at, above, public);
                        at += usize::from(tokens.get(at) == Some(&","));
                    }
                    called = Some("{");
                }
                "as" => {
                    called = tokens.get(at + 1).copied();
                    at += 1;
                }
                "," | ";" | "}" => break,
                "::" => {}
                name => above.push(name.to_owned()),
            }
            at += 1;
        }
        if called != Some("{") && above.len() > known {
            let last = above.iter().rfind(|name| *name != "self");
            let name = called.or(last.map(String::as_str)).unwrap_or_default();
            self.imports.push(Import {
                name: name.to_owned(),
                path: above.clone(),
                public,
            });
        }
        above.truncate(known);
        at
    }
}

/// Whether what follows these tokens is `pub`, in one of its forms.
fn is_public(before: &[&str]) -> bool {
    match before {
        [.., "pub"] => true,
        [.., ")"] => {
            let open = before.iter().rposition(|token| *token == "(");
            open.is_some_and(|open| before[..open].last() == Some(&"pub"))
        }
        _ => false,
    }
}

/// The names from `at`, as long as `::` joins them.
fn path_at(tokens: &[&str], at: usize) -> NamePath {
    let mut path = vec![tokens[at].to_owned()];
    let mut rest = &tokens[at + 1..];
    while let ["::", name, further @ ..] = rest {
        if !is_name(name) {
            break;
        }
        path.push((*name).to_owned());
        rest = further;
    }
    path
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and every other character that is no space.
fn tokens(code: &str) -> Vec<&str> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if in_name(c) => rest.find(|c| !in_name(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        let (token, further) = rest.split_at(length);
        found.push(token);
        rest = further.trim_start();
    }
    found
}
