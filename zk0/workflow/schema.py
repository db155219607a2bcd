"""The JSON Schema of a workflow file, for editors: `# yaml-language-server: $schema=../docs/workflow.schema.json`."""

import json
from typing import Any

from zk0.workflow.spec import WorkflowSpec


def workflow_schema() -> dict[str, Any]:
    """Return the schema that the models of `spec` make."""
    made = WorkflowSpec.model_json_schema(by_alias=True)
    made["title"] = "zk0 workflow"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def schema_text() -> str:
    """Return the schema as it is kept in `docs/workflow.schema.json`."""
    return json.dumps(workflow_schema(), indent=1, ensure_ascii=False) + "\n"
