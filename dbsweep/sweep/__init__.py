"""The one room where the parts are wired together: from an experiment file to a choice and its report."""
