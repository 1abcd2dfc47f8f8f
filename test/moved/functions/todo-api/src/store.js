class Store {
  #todos = new Map()
  #next = 1

  list(done) {
    const all = [...this.#todos.values()]
    return done === undefined ? all : all.filter(todo => String(todo.done) === done)
  }

  find(id) {
    return this.#todos.get(Number(id))
  }

  add({ title, done = false }) {
    const todo = { id: this.#next++, title, done }
    this.#todos.set(todo.id, todo)
    return todo
  }

  change(id, changes) {
    const todo = this.find(id)
    if (!todo) throw new RangeError(`no todo ${id}`)
    return Object.assign(todo, changes)
  }

  remove(id) {
    this.#todos.delete(Number(id))
  }
}

module.exports = { Store }
