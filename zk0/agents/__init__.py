"""What coding agents work by: the next step of a run, files in each agent's own layout, and an MCP server."""
