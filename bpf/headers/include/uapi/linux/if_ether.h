/* Empty is enough: bcc brings its own. */
