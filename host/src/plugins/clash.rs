//! Tools that have the name of another one, and the way out: the lines of a manifest that give them other names. A model does
//! not tell `Read_File` from `read_file`, so neither is told apart here.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::{MAX_NAME, Manifest, ToolManifest};
use super::{Origin, PluginFile, builtin, pack};
use crate::sandbox::{Function, Interface, Kind};

/// Names of tools in lower case, with whose they are: `of the built-in plugin 'files'`.
pub type Taken = BTreeMap<String, String>;

/// The names that Garth has itself, which no other plugin can have.
#[derive(Clone, Debug, Default)]
pub struct OwnNames {
    pub plugins: BTreeSet<String>,
    pub tools: Taken,
}

impl OwnNames {
    /// `host`: tools that are no plugin's.
    pub fn new(host: impl IntoIterator<Item = String>) -> OwnNames {
        let tools = host.into_iter().map(|tool| (tool.to_lowercase(), "of Garth itself".to_string()));
        OwnNames { plugins: BTreeSet::new(), tools: tools.collect() }
    }

    /// The same with all built-in plugins.
    pub fn read(host: impl IntoIterator<Item = String>) -> anyhow::Result<OwnNames> {
        let mut own = OwnNames::new(host);
        for file in builtin::BUILTIN {
            own.add(&builtin::read(file)?);
        }
        Ok(own)
    }

    pub fn add(&mut self, file: &PluginFile) {
        let name = &file.sections.manifest.name;
        for tool in &file.sections.catalogue {
            self.tools.insert(tool.name.to_lowercase(), format!("of the built-in plugin '{name}'"));
        }
        self.plugins.insert(name.clone());
    }

    /// Whether a plugin that is to be built with this manifest could be installed by anybody; `Err` is for its author.
    pub fn allow(&self, manifest: &Manifest) -> Result<(), String> {
        let name = &manifest.name;
        if self.plugins.contains(name) {
            return Err(format!("'{name}' is the name of a built-in plugin; write another `name` in plugin.toml"));
        }
        let names: Vec<&str> = manifest.tools.keys().map(String::as_str).collect();
        of_tools(&self.tools, manifest, &names).map_or(Ok(()), |clash| Err(clash.for_author()))
    }
}

/// At least one of a plugin's tools has a name that is taken.
#[derive(Debug)]
pub struct Clash {
    tool: String,
    owner: String,
    /// All such tools: their names, free ones instead, and what the component calls them.
    renamed: Vec<Renamed>,
}

#[derive(Debug)]
struct Renamed {
    old: String,
    new: String,
    function: String,
}

/// The first tool of the file whose name is taken, and what could be done.
pub fn of_file(taken: &Taken, file: &PluginFile) -> Option<Clash> {
    let names: Vec<&str> = file.sections.catalogue.iter().map(|tool| tool.name.as_str()).collect();
    of_tools(taken, &file.sections.manifest, &names).map(|clash| clash.of_functions(file))
}

fn of_tools(taken: &Taken, manifest: &Manifest, names: &[&str]) -> Option<Clash> {
    let owner = |name: &str| taken.get(&name.to_lowercase());
    let (tool, owner_of_it) = names.iter().find_map(|name| Some((name.to_string(), owner(name)?.clone())))?;
    let mut used: BTreeSet<String> =
        taken.keys().cloned().chain(names.iter().map(|name| name.to_lowercase())).collect();
    let renamed = names.iter().filter(|name| owner(name).is_some()).map(|old| {
        let new = free(&manifest.name, old, &used);
        used.insert(new.to_lowercase());
        Renamed { old: old.to_string(), new, function: manifest.function(old).to_owned() }
    });
    Some(Clash { tool, owner: owner_of_it, renamed: renamed.collect() })
}

/// `PLUGIN_TOOL`, with a number where that is used too.
fn free(plugin: &str, tool: &str, used: &BTreeSet<String>) -> String {
    let whole = format!("{}_{tool}", plugin.replace('-', "_"));
    let cut = |most: usize| whole.get(..most).unwrap_or(&whole);
    let numbered = (2..).map(|number| format!("{}_{number}", cut(MAX_NAME - 4)));
    let mut names = std::iter::once(cut(MAX_NAME).to_owned()).chain(numbered.take(999));
    names.find(|name| !used.contains(&name.to_lowercase())).unwrap_or_else(|| cut(MAX_NAME).to_owned())
}

impl Clash {
    /// Functions by the names that their component gives them.
    fn of_functions(mut self, file: &PluginFile) -> Clash {
        if let Ok(Interface { kind: Kind::Plain { functions, .. }, .. }) = Interface::read(&file.wasm) {
            for tool in &mut self.renamed {
                if let Some(function) = Function::find(&functions, &tool.function) {
                    tool.function = function.path();
                }
            }
        }
        self
    }

    /// In one line, with the line that gives the first of them another name.
    pub fn line(&self) -> String {
        let what = self.what();
        match self.renamed.first() {
            Some(Renamed { new, function, .. }) => {
                format!("{what}; its manifest can call it otherwise: tools.{new}.function = {}", quoted(function))
            }
            None => what,
        }
    }

    fn what(&self) -> String {
        format!("its tool '{}' has the name of a tool {}", self.tool, self.owner)
    }

    /// In several lines, with what its author has to write.
    fn for_author(&self) -> String {
        format!(
            "{}; give it another in plugin.toml, where [tools.{}.capabilities] becomes [tools.{}.capabilities]:\n\n{}",
            self.what(),
            self.tool,
            self.renamed.first().map_or("NAME", |tool| &tool.new),
            self.tables()
        )
    }

    /// In several lines, with what somebody has to write who has just the file.
    pub fn for_user(&self, file: &PluginFile) -> String {
        let Origin::File { shown } = &file.origin else { return self.what() };
        let shown = shown.rsplit(['/', '\\']).next().unwrap_or_default();
        let beside = format!("{}.toml", shown.strip_suffix(".wasm").unwrap_or(shown));
        let (what, packed) = (self.what(), pack::read_sections(&file.wasm).is_ok());
        let (way, lines) = match (packed, &file.manifest) {
            (true, _) => {
                let way = format!(
                    "a manifest gives it another name. Write this to plugin.toml, run `garth plugin pack {shown} --manifest \
                     plugin.toml`, and use the file which that makes"
                );
                (way, self.manifest(&file.sections.manifest))
            }
            (false, Some(_)) => {
                let first = self.renamed.first().map_or("NAME", |tool| &tool.new);
                let (tool, tables) = (&self.tool, self.tables());
                let way = format!(
                    "its manifest can give it another name. Write this to {beside}, where [tools.{tool}.capabilities] becomes \
                     [tools.{first}.capabilities]"
                );
                (way, tables)
            }
            (false, None) => {
                let way = format!(
                    "a manifest gives it another name. Write this to {beside} beside it (for one from elsewhere, to \
                     {}.toml in the folder of plugins), with the capabilities that its tools need",
                    file.sections.manifest.name
                );
                (way, self.manifest(&file.sections.manifest))
            }
        };
        format!("{what}; {way}:\n\n{lines}")
    }

    fn tables(&self) -> String {
        let table =
            |Renamed { new, function, .. }: &Renamed| format!("[tools.{new}]\nfunction = {}\n", quoted(function));
        self.renamed.iter().map(table).collect::<Vec<_>>().join("\n")
    }

    /// The whole manifest with other names.
    fn manifest(&self, manifest: &Manifest) -> String {
        let mut renamed = manifest.clone();
        for Renamed { old, new, function } in &self.renamed {
            let capabilities = renamed.tools.remove(old).map(|tool| tool.capabilities).unwrap_or_default();
            renamed.tools.insert(new.clone(), ToolManifest { function: Some(function.clone()), capabilities });
        }
        renamed.to_toml().unwrap_or_else(|_| self.tables())
    }
}

/// As TOML writes a text: what has no invisible characters is written as in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_name_is_free_and_fits() {
        let long = "x".repeat(MAX_NAME);
        for (plugin, tool, used, expected) in [
            ("fs", "read_file", vec![], "fs_read_file"),
            ("my-fs", "Read_File", vec![], "my_fs_Read_File"),
            ("fs", "a", vec!["fs_a"], "fs_a_2"),
            ("fs", "a", vec!["fs_a", "fs_a_2"], "fs_a_3"),
            ("fs", &long, vec![], &format!("fs_{}", &long[..61])),
        ] {
            let used = used.into_iter().map(String::from).collect();
            assert_eq!(free(plugin, tool, &used), expected);
        }
    }

    #[test]
    fn the_lines_are_a_manifest_that_reads() {
        let text = "name = \"fs\"\nversion = \"0.1.0\"\ndescription = \"d\"\nwit = \"0.1\"\n\
                    [tools.read_file.capabilities]\nworkspace = \"read\"\n[tools.other]\nfunction = \"x\"\n";
        let manifest = Manifest::from_toml(text).unwrap();
        let taken: Taken = [("read_file".into(), "of Garth itself".into())].into();
        let of_manifest = |manifest: &Manifest| {
            of_tools(&taken, manifest, &manifest.tools.keys().map(String::as_str).collect::<Vec<_>>())
        };
        let clash = of_manifest(&manifest).unwrap();
        let renamed = Manifest::from_toml(&clash.manifest(&manifest)).unwrap();
        assert_eq!(renamed.function("fs_read_file"), "read_file");
        assert_eq!(renamed.tools["fs_read_file"].capabilities, manifest.tools["read_file"].capabilities);
        assert_eq!((renamed.tools.len(), renamed.function("other")), (2, "x"));
        assert!(of_manifest(&renamed).is_none());
        let line = clash.line();
        assert!(line.ends_with("tools.fs_read_file.function = \"read_file\""), "{line}");
        let header = "name = \"fs\"\nversion = \"0.1.0\"\ndescription = \"d\"\nwit = \"0.1\"\n";
        let dotted = line.rsplit(": ").next().unwrap();
        assert!(Manifest::from_toml(&format!("{header}{dotted}\n[tools.fs_read_file.capabilities]\n")).is_ok());
        assert!(Manifest::from_toml(&format!("{header}{}", clash.tables())).is_ok());
    }
}
