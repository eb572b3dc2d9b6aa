// The store's writer in a simulation: at once and in memory, and dead from a chosen transaction on, as after a power cut.
#pragma once

#include "store/writer.hpp"

#include <asio/post.hpp>

namespace drydock::sim {

class SimWriter final : public store::Writer {
public:
  SimWriter(store::Database& db, asio::any_io_executor home) : db_(db), home_(std::move(home)) {}

  /// The power goes before transaction number `commit`, counted over the writer's life from 0.
  void die_at(std::size_t commit) { dies_at_ = commit; }
  bool dead() const { return commits_ >= dies_at_; }
  void die() { dies_at_ = 0; }
  std::size_t commits() const { return commits_; }

protected:
  void submit(Job job) override;

private:
  store::Database& db_;
  asio::any_io_executor home_;
  std::size_t commits_ = 0;
  std::size_t dies_at_ = SIZE_MAX;
};

}  // namespace drydock::sim
