//! The bill of materials as text: CycloneDX 1.6, JSON, the same bytes for the same packages. Pure: knows neither cargo nor files.

use super::packages::{Native, Package};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The program, which all others serve.
const PROGRAM: &str = "florin";

/// Without time and serial number, so that two builds of one commit carry the same bill. One line for each component, so that a review shows
/// what came and went.
pub fn text(packages: &[Package]) -> String {
    let program = packages.iter().find(|package| package.name == PROGRAM);
    let others = packages.iter().filter(|package| package.name != PROGRAM);
    let lines = |values: &mut dyn Iterator<Item = Value>| {
        let lines: Vec<String> = values.map(|value| format!("    {value}")).collect();
        lines.join(",\n")
    };
    let components = lines(&mut others.map(component));
    let dependencies = lines(&mut packages.iter().flat_map(dependencies));
    let metadata = json!({ "lifecycles": [{ "phase": "build" }], "component": program.map(program_itself) });
    format!(
        "{{
  \"$schema\": \"http://cyclonedx.org/schema/bom-1.6.schema.json\",
  \"bomFormat\": \"CycloneDX\",
  \"specVersion\": \"1.6\",
  \"version\": 1,
  \"metadata\": {metadata},
  \"components\": [
{components}
  ],
  \"dependencies\": [
{dependencies}
  ]
}}
"
    )
}

fn program_itself(package: &Package) -> Value {
    json!({
        "type": "application",
        "bom-ref": package.label(),
        "name": package.name,
        "version": package.version,
        "licenses": licenses(package.license.as_deref()),
    })
}

fn component(package: &Package) -> Value {
    let mut one = json!({
        "type": "library",
        "bom-ref": package.label(),
        "name": package.name,
        "version": package.version,
        // What only ran while the program was built is, in the words of the standard, excluded from running.
        "scope": if package.linked { "required" } else { "excluded" },
        "licenses": licenses(package.license.as_deref()),
    });
    // A crate of this repository is published nowhere: an address would name somebody else's.
    if let Some(checksum) = &package.checksum {
        one["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        one["purl"] = format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B")).into();
    }
    if let Some(repository) = &package.repository {
        one["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    if !package.native.is_empty() {
        one["components"] = package.native.iter().map(carried).collect();
    }
    one
}

fn carried(native: &Native) -> Value {
    let (vendor, product) = native.cpe;
    json!({
        "type": "library",
        "bom-ref": native_label(native),
        "name": native.name,
        "version": native.version,
        "licenses": licenses(Some(&native.license)),
        "cpe": format!("cpe:2.3:a:{vendor}:{product}:{}:*:*:*:*:*:*:*", native.version),
        "purl": format!("pkg:generic/{}@{}", native.name, native.version),
    })
}

fn native_label(native: &Native) -> String {
    format!("{}@{}", native.name, native.version)
}

fn licenses(expression: Option<&str>) -> Value {
    expression.map_or_else(|| json!([]), |expression| json!([{ "expression": expression }]))
}

fn dependencies(package: &Package) -> Vec<Value> {
    let natives = package.native.iter().map(native_label);
    let needs: BTreeSet<String> = package.needs.iter().cloned().chain(natives).collect();
    let mut all = vec![json!({ "ref": package.label(), "dependsOn": needs })];
    all.extend(package.native.iter().map(|native| json!({ "ref": native_label(native), "dependsOn": [] })));
    all
}

/// Labels of the packages in a bill; C libraries inside of packages are not counted.
pub fn names(text: &str) -> Result<BTreeSet<String>, String> {
    let whole: Value = serde_json::from_str(text).map_err(|e| format!("the bill of materials: {e}"))?;
    let components = whole["components"].as_array().ok_or("the bill of materials has no components")?;
    let all = components.iter().chain([&whole["metadata"]["component"]]);
    Ok(all.filter_map(|one| one["bom-ref"].as_str().map(str::to_string)).collect())
}

/// What CycloneDX 1.6 demands and a reader relies on: names, versions, references that are unique and lead somewhere, digests of the right
/// length, licences, and C libraries under the name that vulnerability databases use.
pub fn faults(text: &str) -> Vec<String> {
    let whole: Value = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(why) => return vec![format!("not JSON: {why}")],
    };
    let mut faults = Vec::new();
    for (name, value) in [("bomFormat", json!("CycloneDX")), ("specVersion", json!("1.6")), ("version", json!(1))] {
        if whole[name] != value {
            faults.push(format!("{name} is not {value}"));
        }
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let top = list(&whole["components"]);
    let nested = top.iter().flat_map(|one| list(&one["components"]));
    let mut known = BTreeSet::new();
    for one in top.iter().cloned().chain(nested).chain([whole["metadata"]["component"].clone()]) {
        let label = one["bom-ref"].as_str().unwrap_or_default().to_string();
        faults.extend(faults_of(&one).into_iter().map(|why| format!("{label}: {why}")));
        if !known.insert(label.clone()) {
            faults.push(format!("{label} stands in it twice"));
        }
    }
    let mut told = BTreeSet::new();
    for one in list(&whole["dependencies"]) {
        let from = one["ref"].as_str().unwrap_or_default().to_string();
        let to = list(&one["dependsOn"]).into_iter().filter_map(|to| to.as_str().map(str::to_string));
        faults.extend(
            to.chain([from.clone()]).filter(|label| !known.contains(label)).map(|label| format!("{label}: unknown")),
        );
        told.insert(from);
    }
    faults.extend(known.difference(&told).map(|label| format!("{label}: nothing says what it needs")));
    faults
}

fn faults_of(one: &Value) -> Vec<&'static str> {
    let text = |name: &str| one[name].as_str().unwrap_or_default();
    let hex =
        |value: &Value| value.as_str().is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    let hashes = one["hashes"].as_array().cloned().unwrap_or_default();
    let checks = [
        (matches!(text("type"), "library" | "application"), "no type"),
        (!text("name").is_empty() && !text("version").is_empty(), "no name or version"),
        (matches!(text("scope"), "" | "required" | "excluded"), "no such scope"),
        (one["licenses"].as_array().is_some_and(|all| all.len() == 1), "no licence"),
        (hashes.iter().all(|hash| hash["alg"] == "SHA-256" && hex(&hash["content"])), "no SHA-256"),
        (text("purl").is_empty() || text("purl").starts_with("pkg:"), "no package address"),
        (!text("purl").starts_with("pkg:cargo/") || hashes.len() == 1, "published without a digest"),
    ];
    checks.into_iter().filter(|(right, _)| !right).map(|(_, why)| why).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, checksum: Option<&str>, needs: &[&str]) -> Package {
        Package {
            name: name.to_string(),
            version: "1.0.0".to_string(),
            license: Some("MIT".to_string()),
            repository: None,
            checksum: checksum.map(str::to_string),
            linked: true,
            here: true,
            needs: needs.iter().map(|need| format!("{need}@1.0.0")).collect(),
            native: vec![],
        }
    }

    fn sample() -> Vec<Package> {
        let mut carrier = package("b-sys", Some(&"ab".repeat(32)), &[]);
        carrier.native =
            vec![Native { name: "b", version: "3.2.1".to_string(), license: "blessing".to_string(), cpe: ("b", "b") }];
        vec![package("a", None, &["b-sys"]), carrier, package(PROGRAM, None, &["a", "b-sys"])]
    }

    #[test]
    fn a_bill_keeps_the_rules() {
        let written = text(&sample());
        assert_eq!(faults(&written), Vec::<String>::new());
        assert_eq!(written, text(&sample()));
        let labels: Vec<String> = names(&written).unwrap().into_iter().collect();
        assert_eq!(labels, ["a@1.0.0", "b-sys@1.0.0", "florin@1.0.0"]);
        let check = |from: &str, to: &str, fault: &str| {
            let found = faults(&written.replace(from, to));
            assert!(found.iter().any(|why| why.contains(fault)), "{from} → {to}: {found:?}");
        };
        check("CycloneDX", "SPDX", "bomFormat");
        check("\"1.6\"", "\"1.2\"", "specVersion");
        check("\"bom-ref\":\"a@1.0.0\"", "\"bom-ref\":\"b-sys@1.0.0\"", "twice");
        check("\"bom-ref\":\"a@1.0.0\"", "\"bom-ref\":\"c@1.0.0\"", "a@1.0.0: unknown");
        check("abab", "xyz", "no SHA-256");
        check("\"required\"", "\"perhaps\"", "no such scope");
        check("[{\"expression\":\"MIT\"}]", "[]", "no licence");
        check("\"version\": 1", "1", "not JSON");
    }

    #[test]
    fn only_what_is_published_has_an_address() {
        let written = text(&sample());
        assert!(written.contains("pkg:cargo/b-sys@1.0.0") && !written.contains("pkg:cargo/a@"), "{written}");
        assert!(written.contains("cpe:2.3:a:b:b:3.2.1:*"), "{written}");
    }
}
