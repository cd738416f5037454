"""What it means for broadcasts that the database was set back to a copy: what has gone out since is not known.

Whatever could go on is held, whoever may have been mailed since is in doubt, and nothing new is sent, until somebody
who may send says *Go on*. So nobody is mailed twice, but by a person who knows that it might be so.
"""
