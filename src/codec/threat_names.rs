//! The names of the threats that rules refer to by id.

use serde_json::{Value, json};

/// The techniques of MITRE ATLAS 5.6.1 and the OWASP Top 10 for Agentic Applications 2026, sorted
/// by id. Of ATLAS: what the shipped rules name, the techniques above these, and others that rules
/// about agents are likely to name.
const NAMES: [(&str, &str); 39] = [
    ("AML.T0012", "Valid Accounts"),
    ("AML.T0029", "Denial of AI Service"),
    ("AML.T0034", "Cost Harvesting"),
    ("AML.T0034.002", "Agentic Resource Consumption"),
    ("AML.T0036", "Data from Information Repositories"),
    ("AML.T0051", "LLM Prompt Injection"),
    ("AML.T0051.000", "Direct"),
    ("AML.T0051.001", "Indirect"),
    ("AML.T0053", "AI Agent Tool Invocation"),
    ("AML.T0054", "LLM Jailbreak"),
    ("AML.T0055", "Unsecured Credentials"),
    ("AML.T0057", "LLM Data Leakage"),
    ("AML.T0073", "Impersonation"),
    ("AML.T0080", "AI Agent Context Poisoning"),
    ("AML.T0081", "Modify AI Agent Configuration"),
    ("AML.T0083", "Credentials from AI Agent Configuration"),
    ("AML.T0084", "Discover AI Agent Configuration"),
    ("AML.T0084.001", "Tool Definitions"),
    ("AML.T0085", "Data from AI Services"),
    ("AML.T0085.001", "AI Agent Tools"),
    ("AML.T0086", "Exfiltration via AI Agent Tool Invocation"),
    ("AML.T0091", "Use Alternate Authentication Material"),
    ("AML.T0091.000", "Application Access Token"),
    ("AML.T0098", "AI Agent Tool Credential Harvesting"),
    ("AML.T0099", "AI Agent Tool Data Poisoning"),
    ("AML.T0100", "AI Agent Clickbait"),
    ("AML.T0101", "Data Destruction via AI Agent Tool Invocation"),
    ("AML.T0103", "Deploy AI Agent"),
    ("AML.T0110", "AI Agent Tool Poisoning"),
    ("ASI01:2026", "Agent Goal Hijack"),
    ("ASI02:2026", "Tool Misuse and Exploitation"),
    ("ASI03:2026", "Identity and Privilege Abuse"),
    ("ASI04:2026", "Agentic Supply Chain Vulnerabilities"),
    ("ASI05:2026", "Unexpected Code Execution"),
    ("ASI06:2026", "Memory and Context Poisoning"),
    ("ASI07:2026", "Insecure Inter-Agent Communication"),
    ("ASI08:2026", "Cascading Failures"),
    ("ASI09:2026", "Human-Agent Trust Exploitation"),
    ("ASI10:2026", "Rogue Agents"),
];

/// The name of a threat by its id, such as `AML.T0053` or `ASI02:2026`; `None` for an id that this
/// version does not know.
#[must_use]
pub fn threat_name(id: &str) -> Option<&'static str> {
    let at = NAMES.binary_search_by_key(&id, |(known, _)| known).ok()?;
    NAMES.get(at).map(|(_, name)| *name)
}

/// A threat as a JSON object with its id under `id_key`, and its `name` where it is known.
pub(super) fn threat_json(id_key: &str, id: &str) -> Value {
    let mut threat = json!({ id_key: id });
    if let Some(name) = threat_name(id) {
        threat["name"] = name.into();
    }
    threat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_sorted_by_id_so_that_each_is_found() {
        assert!(NAMES.is_sorted_by(|one, next| one.0 < next.0));
        for (id, name) in NAMES {
            assert_eq!(threat_name(id), Some(name));
        }
        assert_eq!(threat_name("AML.T9999"), None);
    }
}
