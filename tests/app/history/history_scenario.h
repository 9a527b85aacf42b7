#pragma once
// HistoryScenario: what the program does to its history in a short session, step by step, and what
// it was told is stored. For tests that make the disk fail under it.

#include "app/history/database_file.h"
#include "app/history/history_reader.h"
#include "app/history/history_writer.h"

#include <functional>
#include <map>
#include <QString>

namespace tests {

/// Texts that must be found again: by message, as a beginning of what is stored there.
using Acknowledged = std::map<app::MessageId, QString>;

class HistoryScenario {
  public:
    explicit HistoryScenario(QString file) : m_file(std::move(file)) {}

    /// Opens for writing, the reader behind it.
    engine::Status open();
    /// The steps after opening; each is one wish of the user.
    std::size_t stepCount() const { return m_steps.size(); }
    engine::Status step(std::size_t index);
    void close();

    const Acknowledged& acknowledged() const { return m_acknowledged; }
    /// Called after each step that was stored, and before one that takes something away.
    std::function<void(const Acknowledged&)> onStored;

  private:
    app::StoredTurn add(app::HistoryWriter& writer, app::ConversationId conversation,
                        app::MessageId parent, const QString& text);
    engine::Status write(const std::function<void(app::HistoryWriter&)>& change);

    QString m_file;
    std::unique_ptr<SQLite::Database> m_writer;
    std::unique_ptr<SQLite::Database> m_reader;
    Acknowledged m_acknowledged;
    app::StoredTurn m_first;
    app::StoredTurn m_edited;
    app::StoredTurn m_deleted;
    std::vector<std::function<engine::Status()>> m_steps = steps();

    std::vector<std::function<engine::Status()>> steps();
};

/// `turns` finished questions and answers of some 500 bytes each in a history of the newest schema.
Acknowledged fillHistory(const QString& file, int turns);

/// Opens the history as the program does after a start and compares. Empty, or what is wrong.
QString verifyHistory(const QString& file, const Acknowledged& acknowledged,
                      std::span<const app::Migration> migrations);

} // namespace tests
