"""Places to talk in: what people do there comes in as events, what clones do goes out as acts."""
