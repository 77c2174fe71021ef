STRANGER = "who are you?"
