//! A folder, and nothing outside of it.
//!
//! Paths are opened below a handle of the folder (`cap-std`), so that neither `..` nor a symbolic link leads
//! out, not even one that is made in the moment between a check and its use. What begins with a dot is
//! nobody's business here: that is where keys and histories lie. All that is read is bounded.

use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use tokio_util::sync::CancellationToken;

/// Bytes of a file that are given at once.
pub(crate) const MOST_READ_BYTES: usize = 48 * 1024;
/// Files above this many bytes are not searched, and not read.
const MOST_FILE_BYTES: u64 = 4 << 20;
/// Entries of a folder that are listed.
const MOST_ENTRIES: usize = 400;
/// Lines that a search finds.
const MOST_HITS: usize = 100;
/// Files and folders that a search looks at.
const MOST_SEARCHED: usize = 20_000;
/// Characters of a line that a search shows.
const SHOWN_OF_A_LINE: usize = 200;
/// How deep a search goes.
const DEEPEST: usize = 32;

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: Dir,
}

/// What a search looks for, and tells.
pub(crate) struct Search<'a> {
    /// What lines hold, whatever its case.
    pub(crate) text: &'a str,
    /// Ends it.
    pub(crate) cancelled: &'a CancellationToken,
    /// Takes the number of files so far, now and then.
    pub(crate) progress: &'a dyn Fn(usize),
}

impl Folder {
    /// Opens it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let folder = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { folder })
    }

    /// The lines of a text file from `first` on (1 is the first), as many as there is room for.
    pub(crate) fn read(&self, path: &str, first: usize, most: usize) -> Result<String, String> {
        let text = self.text_of(&inside(path)?, path)?;
        let all = text.lines().count();
        if first > all.max(1) {
            return Err(format!(
                "`{path}` has {all} lines; line {first} is not among them"
            ));
        }
        let mut shown = String::new();
        let mut last = first.saturating_sub(1);
        for line in text.lines().skip(last).take(most) {
            if !shown.is_empty() && shown.len() + line.len() > MOST_READ_BYTES {
                break;
            }
            if line.len() > MOST_READ_BYTES {
                shown.push_str(&line[..border(line, MOST_READ_BYTES)]);
                shown.push_str(" [the rest of this line is left out]\n");
            } else {
                shown.push_str(line);
                shown.push('\n');
            }
            last += 1;
        }
        if first > 1 || last < all {
            shown.push_str(&format!("[lines {first} to {last} of {all}]\n"));
        }
        Ok(shown)
    }

    fn text_of(&self, inside: &Path, path: &str) -> Result<String, String> {
        let cannot = |error: io::Error| format!("cannot read `{path}`: {}", words(&error));
        // Looked at before it is opened: opening a pipe would wait for somebody to write.
        let metadata = self.folder.metadata(inside).map_err(cannot)?;
        if !metadata.is_file() {
            return Err(format!(
                "`{path}` is no file; list_folder shows what a folder holds"
            ));
        }
        if metadata.len() > MOST_FILE_BYTES {
            let most = MOST_FILE_BYTES >> 20;
            return Err(format!(
                "`{path}` has {} bytes; at most {most} MiB are read",
                metadata.len()
            ));
        }
        let file = self.folder.open(inside).map_err(cannot)?;
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        file.take(MOST_FILE_BYTES)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
        String::from_utf8(bytes).map_err(|_| format!("`{path}` is not text in UTF-8"))
    }

    /// What a folder holds: names with their sizes, folders with a slash.
    pub(crate) fn list(&self, path: &str) -> Result<String, String> {
        let inside = inside(path)?;
        let entries = self
            .names(&inside)
            .map_err(|error| format!("cannot list `{path}`: {}", words(&error)))?;
        if entries.is_empty() {
            return Ok("the folder is empty\n".to_owned());
        }
        let mut shown = String::new();
        for (name, kind) in entries.iter().take(MOST_ENTRIES) {
            match kind {
                Kind::Folder => shown.push_str(&format!("{name}/\n")),
                Kind::File(bytes) => shown.push_str(&format!("{name} ({bytes} bytes)\n")),
                Kind::Other => shown.push_str(&format!("{name} (neither file nor folder)\n")),
            }
        }
        if entries.len() > MOST_ENTRIES {
            shown.push_str(&format!("[and {} more]\n", entries.len() - MOST_ENTRIES));
        }
        Ok(shown)
    }

    /// The entries of a folder, sorted; those that begin with a dot are left out.
    fn names(&self, inside: &Path) -> io::Result<Vec<(String, Kind)>> {
        let mut names = Vec::new();
        for entry in self.folder.read_dir(inside)?.take(MOST_SEARCHED) {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => Kind::Folder,
                Ok(metadata) if metadata.is_file() => Kind::File(metadata.len()),
                _ => Kind::Other,
            };
            names.push((name, kind));
        }
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }

    /// The lines below a path that hold a text, as `path:line: text`. Links are not followed.
    pub(crate) fn search(&self, path: &str, search: &Search<'_>) -> Result<String, String> {
        let wanted = search.text.to_lowercase();
        if wanted.trim().is_empty() {
            return Err("`text` is empty: say what lines are to hold".to_owned());
        }
        let mut found = Found::default();
        let inside = inside(path)?;
        let metadata = self.folder.metadata(&inside);
        let metadata = metadata.map_err(|error| format!("cannot search `{path}`: {}", words(&error)))?;
        if metadata.is_file() {
            self.search_file(&inside, &wanted, &mut found);
        } else {
            self.search_below(inside, search, &wanted, &mut found);
        }
        Ok(found.told())
    }

    fn search_below(&self, top: PathBuf, search: &Search<'_>, wanted: &str, found: &mut Found) {
        let mut folders = vec![(top, 0)];
        while let Some((folder, depth)) = folders.pop() {
            let mut below = Vec::new();
            for (name, kind) in self.names(&folder).unwrap_or_default() {
                if found.is_full() || search.cancelled.is_cancelled() {
                    return;
                }
                let inside = folder.join(name);
                match kind {
                    Kind::Folder if depth < DEEPEST => below.push((inside, depth + 1)),
                    Kind::File(_) => self.search_file(&inside, wanted, found),
                    Kind::Folder | Kind::Other => {}
                }
                found.looked_at += 1;
                if found.looked_at.is_multiple_of(500) {
                    (search.progress)(found.looked_at);
                }
            }
            // In the order of their names.
            folders.extend(below.into_iter().rev());
        }
    }

    fn search_file(&self, inside: &Path, wanted: &str, found: &mut Found) {
        // What is no text, or cannot be read, holds nothing.
        let Ok(text) = self.text_of(inside, "") else {
            return;
        };
        let path = inside.strip_prefix(".").unwrap_or(inside).display();
        let lines = text.lines().enumerate();
        for (number, line) in lines.filter(|(_, line)| line.to_lowercase().contains(wanted)) {
            if found.hits.len() >= MOST_HITS {
                found.has_more = true;
                return;
            }
            let line = line.trim();
            let shown = &line[..border(line, SHOWN_OF_A_LINE)];
            let cut = if shown.len() < line.len() { " …" } else { "" };
            found.hits.push(format!("{path}:{}: {shown}{cut}", number + 1));
        }
    }

    /// Writes a file, in one step: whoever reads it meanwhile reads the old one or the new one.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<String, String> {
        let inside = inside(path)?;
        let cannot = |error: io::Error| format!("cannot write `{path}`: {}", words(&error));
        let Some(name) = inside.file_name().and_then(|name| name.to_str()) else {
            return Err(format!("`{path}` is no name of a file"));
        };
        if self
            .folder
            .symlink_metadata(&inside)
            .is_ok_and(|metadata| !metadata.is_file())
        {
            return Err(format!("`{path}` is there already, and no plain file"));
        }
        if let Some(parent) = inside.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            self.folder.create_dir_all(parent).map_err(cannot)?;
        }
        let is_new = !self.folder.exists(&inside);
        let beside = inside.with_file_name(format!(".{name}.part"));
        let mut options = OpenOptions::new();
        let written = self
            .folder
            .open_with(&beside, options.write(true).create_new(true))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| self.folder.rename(&beside, &self.folder, &inside));
        if let Err(error) = written {
            // Of no use to anybody; where it cannot be removed either, the error says enough.
            let _left = self.folder.remove_file(&beside);
            return Err(cannot(error));
        }
        let what = if is_new { "wrote" } else { "replaced" };
        Ok(format!("{what} `{path}`: {} bytes", text.len()))
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Folder,
    File(u64),
    Other,
}

/// What a search found.
#[derive(Debug, Default)]
struct Found {
    hits: Vec<String>,
    has_more: bool,
    looked_at: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.has_more || self.looked_at >= MOST_SEARCHED
    }

    fn told(self) -> String {
        let mut told = self.hits.join("\n");
        if self.hits.is_empty() {
            told.push_str("no line holds it");
        }
        if self.has_more {
            told.push_str(&format!(
                "\n[only the first {MOST_HITS} lines are shown; search for something rarer]"
            ));
        } else if self.looked_at >= MOST_SEARCHED {
            told.push_str(&format!(
                "\n[only {MOST_SEARCHED} files and folders were looked at]"
            ));
        }
        told.push('\n');
        told
    }
}

/// A path that stays below the folder and out of what is hidden.
fn inside(path: &str) -> Result<PathBuf, String> {
    let refused = |why: &str| {
        Err(format!(
            "`{path}` {why}; expected a path below the folder, such as `notes/may.md`"
        ))
    };
    let mut inside = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) if name.to_string_lossy().starts_with('.') => {
                return refused("is hidden");
            }
            Component::Normal(name) => inside.push(name),
            Component::ParentDir => return refused("leads out of the folder"),
            Component::RootDir | Component::Prefix(_) => return refused("is absolute"),
        }
    }
    if inside.as_os_str().is_empty() {
        inside.push(".");
    }
    Ok(inside)
}

/// The last place between two characters that is not beyond so many bytes.
fn border(text: &str, bytes: usize) -> usize {
    let places = (0..=bytes.min(text.len())).rev();
    places
        .into_iter()
        .find(|place| text.is_char_boundary(*place))
        .unwrap_or(0)
}

/// An error in words that a model understands, without the system's numbers.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "it is not allowed, or leads out of the folder".to_owned(),
        io::ErrorKind::NotADirectory => "it is no folder".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::AlreadyExists => "somebody else is writing it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    /// A folder with a secret beside it.
    fn folder() -> (TempDir, Folder) {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("secret"), "the key").unwrap();
        let inner = home.path().join("work");
        fs::create_dir_all(inner.join("notes")).unwrap();
        fs::write(inner.join("a.md"), "one\ntwo Herring\nthree\n").unwrap();
        fs::write(inner.join("notes/b.txt"), "herring again").unwrap();
        fs::write(inner.join(".env"), "KEY=herring").unwrap();
        fs::write(inner.join("bytes"), [0xFF, 0xFE]).unwrap();
        let folder = Folder::open(&inner).unwrap();
        (home, folder)
    }

    fn search(folder: &Folder, path: &str, text: &str) -> Result<String, String> {
        let cancelled = CancellationToken::new();
        let progress = |_| {};
        folder.search(
            path,
            &Search {
                text,
                cancelled: &cancelled,
                progress: &progress,
            },
        )
    }

    #[test]
    fn files_are_read_in_parts() {
        let (_home, folder) = folder();
        assert_eq!(folder.read("a.md", 1, 100).unwrap(), "one\ntwo Herring\nthree\n");
        assert_eq!(
            folder.read("./a.md", 2, 1).unwrap(),
            "two Herring\n[lines 2 to 2 of 3]\n"
        );
        assert_eq!(folder.read("notes/b.txt", 1, 1).unwrap(), "herring again\n");
        for (path, first, words) in [
            ("a.md", 9, "has 3 lines"),
            ("none", 1, "there is no such file"),
            ("notes", 1, "is no file"),
            ("bytes", 1, "not text in UTF-8"),
        ] {
            let refused = folder.read(path, first, 1).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn nothing_outside_or_hidden_is_reached() {
        let (home, folder) = folder();
        let secret = home.path().join("secret");
        let paths = [
            "../secret",
            "notes/../../secret",
            secret.to_str().unwrap(),
            ".env",
            "notes/.x",
            "/etc/passwd",
        ];
        for path in paths {
            for refused in [
                folder.read(path, 1, 9).unwrap_err(),
                folder.list(path).unwrap_err(),
                search(&folder, path, "key").unwrap_err(),
                folder.write(path, "mine").unwrap_err(),
            ] {
                assert!(refused.contains("expected a path below the folder"), "{refused}");
            }
        }
        assert_eq!(fs::read_to_string(secret).unwrap(), "the key");
        assert!(!search(&folder, ".", "KEY=").unwrap().contains(".env"));
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_lead_out() {
        use std::os::unix::fs::symlink;
        let (home, folder) = folder();
        let inner = home.path().join("work");
        symlink("../secret", inner.join("relative")).unwrap();
        symlink(home.path().join("secret"), inner.join("absolute")).unwrap();
        symlink("..", inner.join("up")).unwrap();
        symlink("a.md", inner.join("within")).unwrap();
        for path in ["relative", "absolute", "up/secret"] {
            let refused = folder.read(path, 1, 9).unwrap_err();
            assert!(refused.starts_with("cannot read"), "{refused}");
            folder.write(path, "mine").unwrap_err();
        }
        folder.list("up").unwrap_err();
        folder.write("up/new", "mine").unwrap_err();
        assert!(!home.path().join("new").exists());
        assert!(!search(&folder, ".", "the key").unwrap().contains("key"));
        // One that stays inside is followed to read, and not written over.
        assert!(folder.read("within", 1, 9).unwrap().starts_with("one"));
        assert!(
            folder
                .write("within", "mine")
                .unwrap_err()
                .contains("no plain file")
        );
        assert_eq!(fs::read_to_string(home.path().join("secret")).unwrap(), "the key");
    }

    #[test]
    fn folders_are_listed_and_searched() {
        let (_home, folder) = folder();
        assert_eq!(
            folder.list(".").unwrap(),
            "a.md (22 bytes)\nbytes (2 bytes)\nnotes/\n"
        );
        assert_eq!(folder.list("notes").unwrap(), "b.txt (13 bytes)\n");
        assert!(
            folder
                .list("none")
                .unwrap_err()
                .contains("no such file or folder")
        );
        assert_eq!(
            search(&folder, ".", "HERRING").unwrap(),
            "a.md:2: two Herring\nnotes/b.txt:1: herring again\n"
        );
        assert_eq!(search(&folder, "a.md", "three").unwrap(), "a.md:3: three\n");
        assert_eq!(search(&folder, ".", "whale").unwrap(), "no line holds it\n");
        search(&folder, ".", " ").unwrap_err();
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let ended = folder.search(
            ".",
            &Search {
                text: "herring",
                cancelled: &cancelled,
                progress: &|_| {},
            },
        );
        assert_eq!(ended.unwrap(), "no line holds it\n");
    }

    #[test]
    fn a_search_is_bounded() {
        let (home, folder) = folder();
        fs::write(
            home.path().join("work/long"),
            format!("{}\n", "whale ".repeat(100)).repeat(150),
        )
        .unwrap();
        let found = search(&folder, ".", "whale").unwrap();
        assert_eq!(found.lines().count(), MOST_HITS + 1);
        assert!(found.lines().next().unwrap().chars().count() < 230, "{found}");
        let read = folder.read("long", 1, usize::MAX).unwrap();
        assert!(
            read.len() < MOST_READ_BYTES + 700 && read.ends_with("of 150]\n"),
            "{}",
            read.len()
        );
    }

    #[test]
    fn files_are_written_in_one_step() {
        let (home, folder) = folder();
        let file = |name: &str| fs::read_to_string(home.path().join("work").join(name)).unwrap();
        assert_eq!(
            folder.write("new/deep/c.md", "c").unwrap(),
            "wrote `new/deep/c.md`: 1 bytes"
        );
        assert_eq!(folder.write("a.md", "other").unwrap(), "replaced `a.md`: 5 bytes");
        assert_eq!(
            (file("new/deep/c.md"), file("a.md")),
            ("c".to_owned(), "other".to_owned())
        );
        assert!(folder.write("notes", "x").unwrap_err().contains("no plain file"));
        let names = fs::read_dir(home.path().join("work")).unwrap();
        assert!(
            names
                .flatten()
                .all(|entry| !entry.file_name().to_string_lossy().ends_with(".part"))
        );
    }
}
