#include "tests/app/history/history_scenario.h"

#include "app/history/message_codec.h"
#include "app/history/sqlite_status.h"

#include <QDir>
#include <QFileInfo>
#include <SQLiteCpp/Column.h>

namespace tests {

namespace {

QString words(const char* what, int bytes) {
    QString text;
    for (int i = 0; text.size() < bytes; ++i)
        text += QStringLiteral("%1 %2 ").arg(QLatin1String(what)).arg(i);
    return text;
}

} // namespace

engine::Status HistoryScenario::open() {
    close();
    auto opened = app::openDatabase(app::DatabaseKind::History, m_file,
                                    app::migrationsOf(app::DatabaseKind::History));
    if (!opened.ok())
        return opened.status();
    if (!opened->writable)
        return opened->notices.front();
    m_writer = std::move(opened->connection);
    // Often, so that a session of some seconds meets what an hour of chatting would.
    m_writer->exec("PRAGMA wal_autocheckpoint = 24");
    INGLENOOK_TRY(write([](app::HistoryWriter& writer) { writer.recover(); }));
    auto reader = app::openReader(m_file, true);
    if (reader.ok())
        m_reader = std::move(*reader);
    return reader.status();
}

void HistoryScenario::close() {
    m_reader.reset();
    m_writer.reset();
}

engine::Status HistoryScenario::step(std::size_t index) {
    const engine::Status status = m_steps[index]();
    if (status.ok() && onStored)
        onStored(m_acknowledged);
    return status;
}

engine::Status HistoryScenario::write(const std::function<void(app::HistoryWriter&)>& change) {
    return app::guarded(m_file, [&]() -> engine::Status {
        app::HistoryWriter writer(*m_writer);
        change(writer);
        return {};
    });
}

app::StoredTurn HistoryScenario::add(app::HistoryWriter& writer, app::ConversationId conversation,
                                     app::MessageId parent, const QString& text) {
    app::NewTurn turn;
    turn.conversation = conversation;
    turn.parent = parent;
    turn.title = QStringLiteral("a chat");
    turn.userText = text;
    return writer.addTurn(turn);
}

std::vector<std::function<engine::Status()>> HistoryScenario::steps() {
    std::vector<std::function<engine::Status()>> steps;
    const auto change = [&](std::function<void(app::HistoryWriter&)> what,
                            std::function<void()> stored = {}) {
        steps.emplace_back([this, what, stored] {
            const engine::Status status = write(what);
            if (status.ok() && stored)
                stored();
            return status;
        });
    };
    const auto turn = [&](app::StoredTurn& into, app::StoredTurn& below, const QString& text) {
        change(
            [this, &into, &below, text](app::HistoryWriter& writer) {
                into = add(writer, below.conversation.id, below.answer.id, text);
            },
            [this, &into] { m_acknowledged[into.user.id] = into.user.text; });
    };
    const auto part = [&](app::StoredTurn& of, const QString& text) {
        change(
            [&of, text](app::HistoryWriter& writer) { writer.appendPart(of.answer.id, {}, text); },
            [this, &of, text] { m_acknowledged[of.answer.id] += text; });
    };
    const auto finish = [&](app::StoredTurn& of, const QString& text) {
        change(
            [&of, text](app::HistoryWriter& writer) {
                of.answer.text = text;
                of.answer.state = app::MessageState::Done;
                writer.finishAnswer(of.answer);
            },
            [this, &of, text] { m_acknowledged[of.answer.id] = text; });
    };
    const auto search = [&](const QString& what) {
        steps.emplace_back([this, what] {
            return app::guarded(m_file, [&]() -> engine::Status {
                app::HistoryReader reader(*m_reader);
                (void)reader.list();
                return reader.search(what, 20).isEmpty()
                           ? engine::Status(engine::Code::ConversationUnknown)
                           : engine::Status();
            });
        });
    };
    turn(m_first, m_first, words("question", 600));
    const QString answer = words("answer", 9000);
    part(m_first, answer.left(3000));
    part(m_first, answer.mid(3000, 3000));
    finish(m_first, answer);
    search(QStringLiteral("question"));
    change(
        [this](app::HistoryWriter& writer) { // an edit: a sibling of the first question
            m_edited = add(writer, m_first.conversation.id, 0, words("edited", 300));
        },
        [this] { m_acknowledged[m_edited.user.id] = m_edited.user.text; });
    part(m_edited, words("second", 20000));
    finish(m_edited, words("second", 60000));
    turn(m_deleted, m_deleted, words("deleted", 5000));
    finish(m_deleted, words("rubbish", 5000));
    change(
        [this](app::HistoryWriter& w) { w.rename(m_first.conversation.id, words("title", 50)); });
    steps.emplace_back([this] {
        // From here on it may be there or not.
        m_acknowledged.erase(m_deleted.user.id);
        m_acknowledged.erase(m_deleted.answer.id);
        if (onStored)
            onStored(m_acknowledged);
        return write(
            [this](app::HistoryWriter& w) { w.setTrashed(m_deleted.conversation.id, true); });
    });
    change([](app::HistoryWriter& w) { w.purgeTrash(app::nowMs() + 1000); });
    search(QStringLiteral("edited"));
    change(
        [this](app::HistoryWriter& w) { w.setLeaf(m_first.conversation.id, m_first.answer.id); });
    turn(m_deleted, m_first, words("last", 400));
    part(m_deleted, words("unfinished", 2000));
    return steps;
}

Acknowledged fillHistory(const QString& file, int turns) {
    Acknowledged stored;
    auto opened = app::openDatabase(app::DatabaseKind::History, file,
                                    app::migrationsOf(app::DatabaseKind::History));
    if (!opened.ok())
        return stored;
    app::HistoryWriter writer(*opened->connection);
    for (int i = 0; i < turns; ++i) {
        app::NewTurn turn;
        turn.title = QStringLiteral("chat %1").arg(i);
        turn.userText = QStringLiteral("old question %1 ").arg(i) + words("q", 500);
        app::StoredTurn added = writer.addTurn(turn);
        added.answer.text = QStringLiteral("old answer %1 ").arg(i) + words("a", 500);
        added.answer.state = app::MessageState::Done;
        writer.finishAnswer(added.answer);
        stored[added.user.id] = turn.userText;
        stored[added.answer.id] = added.answer.text;
    }
    return stored;
}

QString verifyHistory(const QString& file, const Acknowledged& acknowledged,
                      std::span<const app::Migration> migrations) {
    auto opened = app::openDatabase(app::DatabaseKind::History, file, migrations);
    if (!opened.ok())
        return QString::fromStdString(opened.status().sentence());
    if (!opened->notices.empty())
        return QString::fromStdString(opened->notices.front().sentence());
    try {
        SQLite::Database& database = *opened->connection;
        app::HistoryWriter(database).recover();
        const std::string whole = database.execAndGet("PRAGMA integrity_check").getString();
        if (whole != "ok")
            return QString::fromStdString(whole);
        database.exec("INSERT INTO message_search (message_search) VALUES ('integrity-check')");
        std::map<app::MessageId, QString> found;
        app::HistoryReader reader(database);
        for (const app::Conversation& conversation : reader.list())
            for (const app::Message& message : reader.load(conversation.id).messages)
                found[message.id] = message.text;
        for (const auto& [id, text] : acknowledged)
            if (!found[id].startsWith(text))
                return QStringLiteral("message %1 has lost text: %2 of %3 characters")
                    .arg(id)
                    .arg(found[id].size())
                    .arg(text.size());
    } catch (const SQLite::Exception& exception) {
        return QString::fromLatin1(exception.what());
    }
    const QFileInfo info(file);
    const QStringList aside =
        info.dir().entryList({info.completeBaseName() + QStringLiteral("-damaged-*")});
    return aside.isEmpty() ? QString() : QStringLiteral("set aside as ") + aside.first();
}

} // namespace tests
