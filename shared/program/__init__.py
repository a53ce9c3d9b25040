"""What a program is: its document, its rules, what they give, and which version counts when."""
