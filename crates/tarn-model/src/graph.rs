//! What reads what: the graph of sources, seeds and models.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;

use indexmap::IndexMap;
use serde::Serialize;

/// What kind of thing a node of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// A source.
    Source,
    /// A seed.
    Seed,
    /// A model.
    Model,
}

/// The graph of a lake: names are unique across sources, seeds and models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    nodes: IndexMap<String, Edges>,
    order: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Edges {
    kind: NodeKind,
    parents: Vec<String>,
    children: Vec<String>,
}

impl Graph {
    /// Builds the graph from nodes with what each reads; a name that is no node is left out (it was reported where it
    /// was read). `Err` holds one cycle as a path that ends where it began.
    pub(crate) fn build(nodes: Vec<(String, NodeKind, Vec<String>)>) -> Result<Graph, Vec<String>> {
        let mut graph = Graph::default();
        for (name, kind, _) in &nodes {
            graph.nodes.insert(name.clone(), Edges { kind: *kind, parents: Vec::new(), children: Vec::new() });
        }
        for (name, _, parents) in nodes {
            for parent in parents {
                let Some(edges) = graph.nodes.get_mut(&parent) else { continue };
                if edges.children.contains(&name) {
                    continue;
                }
                edges.children.push(name.clone());
                if let Some(edges) = graph.nodes.get_mut(&name) {
                    edges.parents.push(parent);
                }
            }
        }
        graph.order = graph.sorted();
        if graph.order.len() < graph.nodes.len() {
            return Err(graph.cycle());
        }
        Ok(graph)
    }

    /// Kahn's algorithm, level by level and in the order of the nodes, so that the order is the same in every run.
    fn sorted(&self) -> Vec<String> {
        let mut waiting: HashMap<&str, usize> =
            self.nodes.iter().map(|(name, edges)| (name.as_str(), edges.parents.len())).collect();
        let mut ready: VecDeque<&str> =
            self.nodes.iter().filter(|(_, edges)| edges.parents.is_empty()).map(|(name, _)| name.as_str()).collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(name) = ready.pop_front() {
            order.push(name.to_owned());
            for child in self.children(name) {
                let Some(count) = waiting.get_mut(child) else { continue };
                *count -= 1;
                if *count == 0 {
                    ready.push_back(child);
                }
            }
        }
        order
    }

    /// One cycle: from a node that could not be sorted, upstream until a node comes again.
    fn cycle(&self) -> Vec<String> {
        let sorted: HashSet<&str> = self.order.iter().map(String::as_str).collect();
        let unsorted = |name: &&str| !sorted.contains(name);
        let mut path: Vec<&str> = self.nodes.keys().map(String::as_str).find(unsorted).into_iter().collect();
        loop {
            let Some(parent) = path.last().and_then(|name| self.parents(name).find(unsorted)) else {
                return path.into_iter().map(str::to_owned).collect();
            };
            if let Some(first) = path.iter().position(|name| *name == parent) {
                let mut cycle: Vec<String> = path[first..].iter().map(|name| (*name).to_owned()).collect();
                cycle.push(parent.to_owned());
                return cycle;
            }
            path.push(parent);
        }
    }

    /// All names, each after what it reads.
    #[must_use]
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// What kind of thing a name is.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<NodeKind> {
        self.nodes.get(name).map(|edges| edges.kind)
    }

    /// What a node reads.
    pub fn parents(&self, name: &str) -> impl Iterator<Item = &str> {
        self.nodes.get(name).into_iter().flat_map(|edges| edges.parents.iter().map(String::as_str))
    }

    /// What reads a node.
    pub fn children(&self, name: &str) -> impl Iterator<Item = &str> {
        self.nodes.get(name).into_iter().flat_map(|edges| edges.children.iter().map(String::as_str))
    }

    /// Everything a node rests on, itself not included, in graph order; at most so many steps away.
    #[must_use]
    pub fn upstream(&self, name: &str, steps: Option<usize>) -> Vec<String> {
        self.closure(name, steps, |graph, name| graph.parents(name).collect())
    }

    /// Everything that rests on a node, itself not included, in graph order; at most so many steps away.
    #[must_use]
    pub fn downstream(&self, name: &str, steps: Option<usize>) -> Vec<String> {
        self.closure(name, steps, |graph, name| graph.children(name).collect())
    }

    fn closure<'a>(
        &'a self,
        name: &'a str,
        steps: Option<usize>,
        next: impl Fn(&'a Graph, &'a str) -> Vec<&'a str>,
    ) -> Vec<String> {
        let mut found: HashSet<&str> = HashSet::from([name]);
        let mut level = vec![name];
        let mut step = 0;
        while !level.is_empty() && steps.is_none_or(|steps| step < steps) {
            level = level.into_iter().flat_map(|name| next(self, name)).filter(|name| found.insert(name)).collect();
            step += 1;
        }
        self.order.iter().filter(|other| *other != name && found.contains(other.as_str())).cloned().collect()
    }

    /// The given names in waves: each after all that it rests on, also through names that are not given.
    #[must_use]
    pub fn waves(&self, names: &[String]) -> Vec<Vec<String>> {
        let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
        let mut level_of: HashMap<&str, usize> = HashMap::new();
        let mut waves: Vec<Vec<String>> = Vec::new();
        for name in &self.order {
            let ready = self.parents(name).filter_map(|parent| level_of.get(parent)).max().copied().unwrap_or(0);
            let is_wanted = wanted.contains(name.as_str());
            if is_wanted {
                if waves.len() <= ready {
                    waves.resize_with(ready + 1, Vec::new);
                }
                waves[ready].push(name.clone());
            }
            level_of.insert(name, ready + usize::from(is_wanted));
        }
        waves
    }

    /// A tree for the terminal: what nothing else is read by comes first, what it reads is indented under it. A node
    /// that was shown before is marked `(see above)`.
    #[must_use]
    pub fn text_tree(&self, names: &[String]) -> String {
        let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
        let mut text = String::new();
        let mut shown = HashSet::new();
        for name in self.order.iter().filter(|name| wanted.contains(name.as_str())) {
            if !self.children(name).any(|child| wanted.contains(child)) {
                self.write_branch(&mut text, name, "", None, &wanted, &mut shown);
            }
        }
        text
    }

    fn write_branch<'a>(
        &'a self,
        text: &mut String,
        name: &'a str,
        indent: &str,
        last: Option<bool>,
        wanted: &HashSet<&str>,
        shown: &mut HashSet<&'a str>,
    ) {
        let branch = match last {
            None => "",
            Some(false) => "├─ ",
            Some(true) => "└─ ",
        };
        let kind = match self.kind(name) {
            Some(NodeKind::Source) => " (source)",
            Some(NodeKind::Seed) => " (seed)",
            _ => "",
        };
        let parents: Vec<&str> = self.parents(name).filter(|parent| wanted.contains(parent)).collect();
        let is_repeated = !shown.insert(name) && !parents.is_empty();
        let repeated = if is_repeated { " (see above)" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{indent}{branch}{name}{kind}{repeated}");
        if is_repeated {
            return;
        }
        let indent = match last {
            None => String::new(),
            Some(false) => format!("{indent}│  "),
            Some(true) => format!("{indent}   "),
        };
        for (place, parent) in parents.iter().enumerate() {
            self.write_branch(text, parent, &indent, Some(place + 1 == parents.len()), wanted, shown);
        }
    }

    /// For Graphviz.
    #[must_use]
    pub fn dot(&self, names: &[String]) -> String {
        let mut text = String::from("digraph lake {\n  rankdir=LR;\n  node [shape=box];\n");
        for name in self.ordered(names) {
            let shape = match self.kind(name) {
                Some(NodeKind::Source) => " [shape=cylinder]",
                Some(NodeKind::Seed) => " [shape=note]",
                _ => "",
            };
            let _ = writeln!(text, "  \"{name}\"{shape};");
        }
        for (parent, child) in self.edges(names) {
            let _ = writeln!(text, "  \"{parent}\" -> \"{child}\";");
        }
        text.push_str("}\n");
        text
    }

    /// For Markdown pages that draw Mermaid.
    #[must_use]
    pub fn mermaid(&self, names: &[String]) -> String {
        let mut text = String::from("flowchart LR\n");
        for name in self.ordered(names) {
            // The prefix keeps names apart from Mermaid's keywords, like `end`.
            let _ = match self.kind(name) {
                Some(NodeKind::Source) => writeln!(text, "  n_{name}[(\"{name}\")]"),
                Some(NodeKind::Seed) => writeln!(text, "  n_{name}>\"{name}\"]"),
                _ => writeln!(text, "  n_{name}[\"{name}\"]"),
            };
        }
        for (parent, child) in self.edges(names) {
            let _ = writeln!(text, "  n_{parent} --> n_{child}");
        }
        text
    }

    fn ordered<'a>(&'a self, names: &[String]) -> Vec<&'a str> {
        let wanted: HashSet<&str> = names.iter().map(String::as_str).collect();
        self.order.iter().map(String::as_str).filter(|name| wanted.contains(name)).collect()
    }

    fn edges<'a>(&'a self, names: &[String]) -> Vec<(&'a str, &'a str)> {
        let ordered = self.ordered(names);
        let wanted: HashSet<&str> = ordered.iter().copied().collect();
        ordered
            .iter()
            .flat_map(|child| self.parents(child).map(move |parent| (parent, *child)))
            .filter(|(parent, _)| wanted.contains(parent))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any graph of up to twelve nodes; edges may go anywhere.
    fn any_nodes() -> impl Strategy<Value = Vec<(String, NodeKind, Vec<String>)>> {
        let edges = proptest::collection::vec((0_usize..12, 0_usize..12), 0..24);
        edges.prop_map(|edges| {
            (0..12)
                .map(|node| {
                    let parents = edges.iter().filter(|(child, _)| *child == node);
                    (format!("n{node}"), NodeKind::Model, parents.map(|(_, parent)| format!("n{parent}")).collect())
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_order_holds_or_the_cycle_is_one(nodes in any_nodes()) {
            let reads = |child: &str, parent: &str| {
                nodes.iter().any(|(name, _, parents)| name == child && parents.iter().any(|other| other == parent))
            };
            match Graph::build(nodes.clone()) {
                Ok(graph) => {
                    prop_assert_eq!(graph.order().len(), nodes.len());
                    let place = |name: &str| graph.order().iter().position(|other| other == name);
                    for (child, _, parents) in &nodes {
                        prop_assert!(parents.iter().all(|parent| place(parent) < place(child)));
                    }
                    let waves = graph.waves(graph.order());
                    prop_assert_eq!(waves.iter().map(Vec::len).sum::<usize>(), nodes.len());
                    let wave = |name: &str| waves.iter().position(|wave| wave.iter().any(|other| other == name));
                    for (child, _, parents) in &nodes {
                        prop_assert!(parents.iter().all(|parent| wave(parent) < wave(child)));
                    }
                    for (name, ..) in &nodes {
                        for other in graph.upstream(name, None) {
                            prop_assert!(graph.downstream(&other, None).contains(name));
                        }
                    }
                }
                Err(cycle) => {
                    prop_assert!(cycle.len() >= 2);
                    prop_assert_eq!(cycle.first(), cycle.last());
                    prop_assert!(cycle.windows(2).all(|edge| reads(&edge[0], &edge[1])), "{cycle:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_shown_before_is_not_shown_again() {
        let node = |name: &str, parents: &[&str]| {
            (name.to_owned(), NodeKind::Model, parents.iter().map(|parent| (*parent).to_owned()).collect::<Vec<_>>())
        };
        let nodes = vec![node("a", &[]), node("b", &["a"]), node("c", &["b"]), node("d", &["b", "c"])];
        let graph = Graph::build(nodes).unwrap_or_default();
        let tree = graph.text_tree(graph.order());
        assert_eq!(tree, "d\n├─ b\n│  └─ a\n└─ c\n   └─ b (see above)\n");
    }
}
