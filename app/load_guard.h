#pragma once
// LoadGuard: remembers on disk that a model is being loaded. When the program starts and the mark
// is still there, the last session ended inside a load: that model is not loaded by itself again.

#include <QString>

namespace app {

class LoadGuard {
  public:
    explicit LoadGuard(QString file) : m_file(std::move(file)) {}

    /// The model whose load ended the last session, or empty. Clears the mark.
    QString takeCrashedModel();
    void begin(const QString& model);
    void end();

  private:
    QString m_file;
};

} // namespace app
