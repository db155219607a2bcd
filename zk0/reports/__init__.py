"""What people look at: live progress, and the reports of runs."""
