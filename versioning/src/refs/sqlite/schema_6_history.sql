-- a search for a common commit reads generations as they stand in the index, and looks up no row of the table

DROP INDEX commits_by_generation;
CREATE INDEX commits_by_generation ON commits (repository, generation, id, epoch, parents);
