"""The functions of a pipeline: they take uploads, record how jobs end, and put right what was interrupted."""
