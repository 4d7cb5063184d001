//! Reads a Markdown page as the tests need it: blocks with their info strings, links, headings.

use std::collections::BTreeSet;
use std::fs;

use super::super::root;

/// A fenced block. Its info string is `LANGUAGE [KIND [FILE]]`.
#[derive(Debug, Clone)]
pub struct Block {
    /// `page:line` of the opening fence, for messages.
    pub place: String,
    pub language: String,
    pub kind: String,
    /// The file that the block is written to, or that its output is in.
    pub file: Option<String>,
    pub text: String,
}

/// A page and what stands in it.
#[derive(Debug)]
pub struct Page {
    /// Path below the repository's root.
    pub path: String,
    pub text: String,
    pub blocks: Vec<Block>,
    /// Line and target of every link.
    pub links: Vec<(usize, String)>,
    /// Line and text of every inline code span.
    pub spans: Vec<(usize, String)>,
    /// What a link to a heading of this page may name.
    pub anchors: BTreeSet<String>,
}

impl Page {
    pub fn read(path: &str) -> Page {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let mut page = Page {
            path: path.to_owned(),
            blocks: Vec::new(),
            links: Vec::new(),
            spans: Vec::new(),
            anchors: BTreeSet::new(),
            text,
        };
        page.scan_lines();
        page
    }

    fn scan_lines(&mut self) {
        let text = self.text.clone();
        let mut open: Option<(Block, usize)> = None;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let bare = line.trim_start();
            match (bare.strip_prefix("```"), open.as_mut()) {
                (Some(_), Some(_)) => self.blocks.extend(open.take().map(|(block, _)| block)),
                (Some(info), None) => {
                    let place = format!("{}:{number}", self.path);
                    open = Some((parse_block(place, info), line.len() - bare.len()));
                }
                (None, Some((block, indent))) => {
                    block.text.push_str(line.get(*indent..).unwrap_or_default());
                    block.text.push('\n');
                }
                (None, None) => self.scan_prose(number, line),
            }
        }
        assert!(open.is_none(), "{}: a block without an end", self.path);
    }

    fn scan_prose(&mut self, number: usize, line: &str) {
        if let Some(heading) = line.strip_prefix('#') {
            let slug = anchor_of(heading.trim_start_matches('#'));
            let mut anchor = slug.clone();
            let mut same = 0;
            while !self.anchors.insert(anchor.clone()) {
                same += 1;
                anchor = format!("{slug}-{same}");
            }
        }
        // Every second part between back quotes is code.
        for (index, part) in line.split('`').enumerate() {
            if index % 2 == 1 {
                self.spans.push((number, part.to_owned()));
            }
        }
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            self.links.push((number, target.to_owned()));
        }
    }
}

fn parse_block(place: String, info: &str) -> Block {
    let mut words = info.split_whitespace().map(str::to_owned);
    Block {
        place,
        language: words.next().unwrap_or_default(),
        kind: words.next().unwrap_or_default(),
        file: words.next(),
        text: String::new(),
    }
}

/// The anchor that GitHub gives a heading.
fn anchor_of(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text = heading.trim().to_lowercase();
    let text: String = text.chars().filter(kept).collect();
    text.replace(' ', "-")
}
