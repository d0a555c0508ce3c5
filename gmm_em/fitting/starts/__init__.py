"""Where runs begin: each start proposes a mixture from the rows."""
