-- ARGV: seconds to live, field, value. Returns 1 if there is such a job.

if not known_total() then
    return 0
end
redis.call('HSET', JOB, ARGV[2], ARGV[3])
renew(ARGV[1])
return 1
