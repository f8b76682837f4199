"""What generated text must never do: ping people, link, insult."""
